"""The dashboard out of the box, and the same charts as one file: reads schema `bi` alone, loads nothing from outside."""
