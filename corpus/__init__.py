"""The articles that ship with Footnote, as Markdown files beside this one."""
