"""What ``scsam doctor`` examines: packages, machine, network, window and folders."""
