# For a GPU box. The paper's is a P100 (compute capability 6.0), which TensorFlow's wheel still carries; cuDNN stops
# supporting it with 9.11, hence the bound.
FROM python:3.11-slim

WORKDIR /xtremedistil
COPY . .
RUN pip install --no-cache-dir ".[gpu]" "nvidia-cudnn-cu12>=9.3,<9.11"

# docker run --gpus=all -v /data:/data -v /runs:/runs IMAGE --data_dir=/data/wikiann --output_dir=/runs/1 \
#     --flagfile=flags/wikiann41.flags
ENTRYPOINT ["python", "run_distil.py"]
