"""The workstation side: a trained model becomes a small int8 .tflite. Start reading at `pipeline.py`."""
