# sandwich/core/session.h
s/return SESSION_RESET;/return SESSION_CLOSED;/
