"""Why a key of a peer has no counterpart: one sentence for each kind, which the report groups by."""

TRACKING = "only concerns a tracking service; metrics.jsonl and TensorBoard events are written here"
HUB = "only concerns a hub; nothing is uploaded, and a checkpoint is a folder in the Hugging Face layout"
ATTENTION = "always so here: exact attention within each row, without padding"
LOSS = "always so here: the head and the loss run in chunks, without a kernel of their own"
KERNELS = "a kernel or patch of that trainer; the result is the same without it"
CACHE = "prepared data are cached by their content"
LOADER = "packs are read from disk without loader processes"
PROCESSES = "only concerns several processes; this version trains on one"
MODEL = "follows from base_model"
TOKENIZER = "follows from the tokenizer"
BEST = "always so here: the best checkpoint is kept beside the newest"
RESUME = "asked for on the command line: brahma train --resume auto"
CHECKPOINTS = "a checkpoint holds all that resuming needs, as safetensors"
LOGGING = "only concerns messages; they go to logs/<run>.log"
PACKS = "packs are built once, ahead of time"
EVALUATION = "evaluation takes batch_size and seq_length, and measures the loss"
PREFERENCES = "belongs to preference or reinforcement training"
GENERATION = "belongs to generation"
MEMORY = "how memory is spent; the result is the same"
MODE = "`brahma train` trains; `brahma generate` and the evaluation are commands of their own"
NOISE = "has no effect on training"
PRECISION = "matrix precision is chosen by measurement"
COLUMNS = (
    "the columns of rows are fixed: text; messages; prompt and completion; instruction, input and output; "
    "conversations"
)
ADAPTER_OFF = "no adapter is trained, so this has no effect"
EOS = "the turn's end token is always trained on"
DEEPSPEED = "DeepSpeed does not exist in this version: it trains on one process, and memory is not divided"
FSDP = "FSDP does not exist in this version: it trains on one process, and memory is not divided"
LONG_ROWS = (
    "rows that are too long are cut at their end there; here they are an error, see data_config.on_long_row"
)
DEVICES = (
    "the batch is that of one process, and this version trains on one: if theirs ran on N devices, multiply "
    "gradient_accumulation_steps by N"
)
