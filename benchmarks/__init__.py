"""What is measured, one file a question. Not shipped, not imported by the product."""
