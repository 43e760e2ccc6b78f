"""Named tasks by EleutherAI's lm-evaluation-harness: everything that touches that library."""
