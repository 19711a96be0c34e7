"""What the probes of the doctor find on a machine without a GPU."""

CPU = {
    "device": "cpu",
    "threads": 2,
    "bfloat16": False,
    "cuda_of_torch": None,
    "checkpoint_trouble": "",
}
