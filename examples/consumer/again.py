"""Handle again what was put aside, once what was wrong is mended: python again.py, with the app's settings."""

from function_app import container, handle, log

failed = container("failed")
for blob in failed.list_blob_names():
    try:
        handle(failed.download_blob(blob).readall())
    except Exception:
        log.exception("%s failed once more", blob)
    else:
        failed.delete_blob(blob)
        print(f"{blob} is handled")
