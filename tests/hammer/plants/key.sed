# sandwich/core/session.h
s/same = flow_equal(&held, flow);/same = true;/
