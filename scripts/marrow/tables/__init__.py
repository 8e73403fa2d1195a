"""Tables of numbers and texts: read, written, and laid out for readers as Markdown and LaTeX."""
