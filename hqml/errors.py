"""Everything hqml raises on purpose.

    HqmlError
    |-- DataError           (ValueError)    training data or labels cannot be used
    |-- ParameterError      (ValueError)    a parameter is out of its range
    |-- ModelError          (ValueError)    a QUBO is malformed
    |   +-- ModelTooLarge                   it does not fit: the message names the size and the limit
    |-- ProblemError        (ValueError)    a problem cannot be written as a QUBO
    |-- FormatError         (ValueError)    a file is not what its name or content promises
    |-- LibraryMissing      (ImportError)   an optional library is not installed: the message names the extra
    |-- HostError           (OSError)       a command of a machine cannot be run, or a machine cannot be reached
    +-- BackendError        (RuntimeError)
        |-- UnknownBackend      (LookupError)   no plug-in registers this name
        |-- BackendUnavailable  (ImportError)   registered, but something it needs is missing
        |-- BackendConflict     (ValueError)    two plug-ins register one name
        |-- OptionError         (TypeError)     the backend takes no such option
        |-- UnsupportedModel    (ValueError)    the backend cannot take this model
        |-- BudgetExceeded                      metered time was not granted, or is too short
        |-- AccessDenied        (PermissionError)   a service's token is missing, unknown or revoked
        +-- ServiceError        (ConnectionError)   a remote service failed, or cannot be reached
            +-- ServiceTimeout      (TimeoutError)  it did not answer in time

Each also derives from the builtin in brackets, so that code which knows nothing of hqml can catch it.
"""


class HqmlError(Exception):
    """The root of all errors that hqml raises on purpose."""


class DataError(HqmlError, ValueError):
    """Training data or labels cannot be used."""


class ParameterError(HqmlError, ValueError):
    """A parameter is out of its range."""


class ModelError(HqmlError, ValueError):
    """A QUBO is malformed: not square, not finite, empty, labels repeated."""


class ModelTooLarge(ModelError):
    """A form of the model would not fit into memory."""


class ProblemError(HqmlError, ValueError):
    """A problem cannot be written as a QUBO."""


class FormatError(HqmlError, ValueError):
    """A file is not what its name or its content promises."""


class LibraryMissing(HqmlError, ImportError):
    """An optional library is not installed."""


class HostError(HqmlError, OSError):
    """A command of a machine cannot be run, or a machine cannot be reached."""


class BackendError(HqmlError, RuntimeError):
    """A backend cannot do what was asked."""


class UnknownBackend(BackendError, LookupError):
    """No plug-in registers a backend of this name."""


class BackendUnavailable(BackendError, ImportError):
    """The backend is registered, but cannot be loaded here."""


class BackendConflict(BackendError, ValueError):
    """Two plug-ins register the same name."""


class OptionError(BackendError, TypeError):
    """The backend takes no such option."""


class UnsupportedModel(BackendError, ValueError):
    """The backend cannot take this model."""


class BudgetExceeded(BackendError):
    """Metered time was not granted, or the estimate is over what was granted."""


class AccessDenied(BackendError, PermissionError):
    """The token of a remote service is missing, unknown or revoked, or may not do this."""


class ServiceError(BackendError, ConnectionError):
    """A remote service failed, answered what cannot be read, or cannot be reached."""


class ServiceTimeout(ServiceError, TimeoutError):
    """A remote service did not answer in time."""
