"""Images behind an address: zarr over https, S3 and Google Cloud, with chunks cached on disk."""
