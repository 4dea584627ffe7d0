# The types of hot_path.py in its compiled form: what is declared here is read and called without the interpreter.
cimport cython


@cython.final
cdef class Ready:
    cdef public object stored
    cdef public object status
    cdef public object detail
    cdef public double initial_age
    cdef public double response_time
    cdef public double lifetime
    cdef public double since
    cdef public long long changes
    cdef public tuple slots
    cdef public object body
    cdef public object counted
    cdef public str wished
    cdef public Py_ssize_t sent
    cdef public long long age
    cdef public long long ttl
    cdef public bytes head
    cdef public tuple between
    cdef public str told
    cdef public str told_end
    cpdef tell(self, long long age, long long ttl)


@cython.final
cdef class KnownHead:
    cdef public str told
    cdef public str key
    cdef public object forwarded_for
    cdef public object mark
    cdef public object name


@cython.final
cdef class HeadMemo:
    cdef Py_ssize_t _most
    cdef Py_ssize_t _used
    cdef dict _young
    cdef dict _old
    cpdef KnownHead get(self, bytes octets)
    cpdef put(self, bytes octets, KnownHead read)


@cython.final
cdef class HitTally:
    cdef public Py_ssize_t hits
    cdef object _log
    cdef bint _is_logged
    cdef str _node
    cdef object _counts
    cdef object _timer
    cdef dict _clients
    cdef list _lines
    cdef Py_ssize_t _untold
    cdef Py_ssize_t _octets
    cdef Py_ssize_t _quick
    cdef double _seconds
    cdef double _to_unix
    @cython.locals(now=cython.double, seconds=cython.double)
    cpdef add(self, KnownHead known, Ready ready, str client, double began)
    @cython.locals(of_client=str, whole=cython.longlong, millionths=cython.longlong, took=cython.longlong)
    cdef str _line(self, KnownHead known, Ready ready, str client, double time, double seconds)
    cpdef flush(self)


@cython.final
cdef class HitLane:
    cdef object _reader
    cdef object _tier
    cdef object _peers
    cdef HitTally _tally
    cdef object _forms
    cdef object _purges
    cdef object _marked_at
    cdef dict _entries
    cdef HeadMemo _memo
    cdef HeadMemo _memo_of_trusted
    @cython.locals(began=cython.double, memo=HeadMemo, known=KnownHead, head=bytes, at=cython.Py_ssize_t,
                   end=cython.Py_ssize_t)
    cpdef bytes answer(self, client, bytes data)
    @cython.locals(ready=Ready, now=cython.double, age=cython.double, left=cython.double)
    cdef bint _hit(self, client, bytes head, KnownHead known, double began) except -1
    @cython.locals(head=bytes, written=cython.Py_ssize_t, left=cython.Py_ssize_t)
    cdef _send(self, int fd, transport, Ready ready)
    @cython.locals(changes=cython.longlong, marked=cython.double)
    cdef bint _is_good(self, Ready ready, KnownHead known) except -1
