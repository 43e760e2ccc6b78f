"""The step `quality`: rules of Gopher, C4 and FineWeb in one pass over each document."""
