"""Brahma's metrics in MLflow (https://mlflow.org)."""
