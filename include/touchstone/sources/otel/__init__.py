"""OpenTelemetry: spans of AI agents by the conventions for generative AI."""
