"""Where the work is done: a GPU when one is there, otherwise the cores that --threads allows."""

import torch


def add_options(parser):
    parser.add_argument("--threads", type=int, default=0, help="default: torch's own choice")


def chosen(arguments):
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def padded(id_lists, device):
    """Lists of ids to (input_ids, mask), both [batch, longest]; 0 is [PAD]."""
    longest = max(map(len, id_lists))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in id_lists], device=device)
    lengths = torch.tensor([len(row) for row in id_lists], device=device)
    return ids, torch.arange(longest, device=device)[None, :] < lengths[:, None]
