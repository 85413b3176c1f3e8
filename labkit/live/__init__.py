"""What is in an engine right now, as plain Python that an event stream keeps up to date.

The panels and the web app show what is in here; nothing in here knows a widget or a page.
"""
