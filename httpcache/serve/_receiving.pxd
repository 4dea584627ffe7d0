# The types of receiving.py in its compiled form.
cdef class Receiver:
    cdef public object transport
    cdef public object watch
    cdef public object answer
    cdef public object handler
    cdef public object task
    cdef public bytes held
    cdef public bint is_paused
    cdef public bint is_trusted
    cdef public str peer
    cdef public int fd
