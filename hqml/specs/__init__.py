"""Read what users write in YAML, and say on which line it is wrong.

```python
from hqml.specs.model import Spec   # needs pydantic, so it is imported late

class Job(Spec):
    name: str
    nodes: int = 1

job = read_spec("job.yaml", Job)    # or one line: job.yaml:3: nodse: unknown key; did you mean 'nodes'?
```
"""

from hqml.specs.places import Places as Places
from hqml.specs.reading import open_spec as open_spec
from hqml.specs.reading import read_content as read_content
from hqml.specs.reading import read_spec as read_spec
from hqml.specs.reading import validated as validated

__all__ = ["Places", "open_spec", "read_content", "read_spec", "validated"]
