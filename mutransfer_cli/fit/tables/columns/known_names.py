"""The usual names of columns, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.sizes import SIZES, TABLE_SIZES


@dataclass(frozen=True, slots=True)
class Role:
    """A meaning that a column can have.

    Attributes:
        name: Its name: that of the column in a table made for this program.
        aliases: Other usual names, as `column_names.compared` gives them, the best first: of
            several columns with one role the first in this order is used.
        integer: Whether its values have to be whole numbers.
        positive: Whether its values have to be positive.
    """

    name: str
    aliases: tuple[str, ...] = ()
    integer: bool = False
    positive: bool = True

    @property
    def ranks(self) -> dict[str, int]:
        """The rank of each name; 0 is that of the role itself."""
        return {name: i for i, name in enumerate((self.name, *self.aliases))}


def role(name: str, aliases: str = "", *, integer: bool = False, positive: bool = True) -> Role:
    """A role with its aliases in one text.

    Args:
        name: Its name.
        aliases: Other usual names, the best first, separated by spaces.
        integer: Whether its values have to be whole numbers.
        positive: Whether its values have to be positive.
    """
    return Role(name, tuple(aliases.split()), integer, positive)


_NAMED = (
    role(
        "width",
        "d_model n_embd n_embed hidden_size model_dim embed_dim embedding_dim emb_dim d_embed "
        "embedding_size hidden_dim hidden_width model_width d_hidden n_hidden n_hid dmodel dim "
        "hidden",
        integer=True,
    ),
    role(
        "depth",
        "n_layer n_layers num_layers num_hidden_layers layers nlayer nlayers n_blocks num_blocks "
        "model_depth",
        integer=True,
    ),
    role(
        "batch",
        "batch_size global_batch_size total_batch_size train_batch_size effective_batch_size bs "
        "gbs bsz batchsize global_batch examples_per_step sequences_per_batch batch_size_in_tokens "
        "batch_size_tokens batch_tokens tokens_per_batch tokens_per_step global_batch_tokens",
        integer=True,
    ),
    role(
        "steps",
        "train_steps training_steps max_steps total_steps num_steps n_steps num_train_steps "
        "max_train_steps iterations train_iterations num_iterations total_iterations n_iterations "
        "max_iterations iters train_iters max_iters n_iters updates num_updates epochs num_epochs "
        "n_epochs num_train_epochs max_epochs",
    ),
    role(
        "params",
        "n_params num_params parameters parameter n_parameters num_parameters N "
        "non_embedding_params non_embedding_parameters non_embedding nonembedding_params "
        "non_embed_params n_non_embedding n_params_non_embedding num_non_embedding_params "
        "non_embedding_param_size "
        "param_size params_size parameter_size param_count params_count parameter_count "
        "total_params params_total model_params model_parameters active_params trainable_params "
        "num_trainable_params n_total n_active model_size size",
    ),
    role(
        "tokens",
        "n_tokens num_tokens training_tokens train_tokens tokens_seen total_tokens D "
        "tokens_trained consumed_tokens n_train_tokens num_train_tokens token_count "
        "tokens_processed training_tokens_seen dataset_tokens d_tokens data_size dataset_size",
    ),
    role(
        "flops",
        "compute training_flops train_flops total_flops n_flops flop C training_compute "
        "flops_total compute_flops",
    ),
    role(
        "lr",
        "learning_rate eta η peak_lr max_lr lr_peak lr_max peak_learning_rate max_learning_rate "
        "base_lr base_learning_rate lr_base initial_lr init_lr lr_init learning_rate_init "
        "initial_learning_rate step_size learnrate",
    ),
    role(
        "loss",
        "val_loss validation_loss valid_loss eval_loss dev_loss loss_val final_val_loss "
        "final_validation_loss final_eval_loss val_loss_final mean_val_loss val_loss_mean "
        "best_val_loss min_val_loss val_loss_min final_loss loss_final loss_mean mean_loss "
        "val_bpb val_bpc val_bits_per_byte val_bits_per_character "
        "avg_loss test_loss final_test_loss loss_test value objective objective_value "
        "val_cross_entropy cross_entropy ce_loss nll held_out_loss held_out_bpb "
        "smooth_loss smoothed_loss smooth_lm_loss "
        "loss_ema ema_loss loss_ewma bpb bpc bits_per_byte bits_per_character "
        "smoothed_lm_loss smooth_train_loss smoothed_train_loss lm_loss train_loss training_loss "
        "final_train_loss train_loss_mean loss_train train_loss_final",
        positive=False,
    ),
    role(
        "loss_sd",
        "loss_std loss_stdev std_loss sd_loss loss_stddev loss_standard_deviation val_loss_std "
        "val_loss_sd eval_loss_std train_loss_std test_loss_std validation_loss_std std_val_loss",
        positive=False,
    ),
    role(
        "loss_stderr",
        "loss_se loss_sem stderr_loss loss_standard_error val_loss_se val_loss_sem "
        "val_loss_stderr sem_loss loss_err",
        positive=False,
    ),
    role("runs", "n_seeds num_seeds seeds n_runs num_runs n count repeats n_repeats", integer=True),
    role(
        "seed",
        "random_seed rng rng_seed global_seed train_seed init_seed model_seed replicate replica "
        "rep repeat repetition seed_id",
        positive=False,
    ),
    role("state", "status run_state outcome trial_state run_status", positive=False),
)
_KNOWN = {row.name for row in _NAMED}
ROLES = {
    row.name: row
    for row in (*_NAMED, *(role(size, integer=True) for size in SIZES if size not in _KNOWN))
}
# Sizes that a table can have, each with its role.
TABLE_SIZE_ROLES = (*SIZES, *TABLE_SIZES)

# What stands before a number in the name of a run or of a column: d512-L6-b128, d=256.
SHORT_NAMES = {"d": "width", "w": "width", "L": "depth", "l": "depth", "b": "batch", "B": "batch"}

# Hyperparameters by their usual names, with the name that this program uses.
HYPERPARAMETERS = {
    alias: name
    for name, aliases in (
        ("weight_decay", "weight_decay wd weightdecay lambda λ l2"),
        ("beta1", "beta1 beta_1 adam_beta1 adam_beta_1 b1"),
        ("beta2", "beta2 beta_2 adam_beta2 adam_beta_2 b2"),
        ("eps", "eps epsilon adam_eps adam_epsilon"),
        ("momentum", "momentum"),
        ("init_std", "init_std initializer_range init_sigma sigma_init"),
        ("std", "std sigma"),
        ("dropout", "dropout dropout_rate p_dropout"),
        ("grad_clip", "grad_clip clip clip_grad clip_grad_norm max_grad_norm gradient_clip"),
        ("label_smoothing", "label_smoothing"),
        ("z_loss", "z_loss z_loss_weight z_loss_coef"),
        ("warmup_ratio", "warmup_ratio warmup_fraction warmup_frac"),
        ("decay_ratio", "decay_ratio decay_fraction decay_frac cooldown_fraction cooldown_frac"),
        ("temperature", "temperature"),
    )
    for alias in aliases.split()
}
# Last words of the names of multipliers and coefficients: hyperparameters also beside "loss".
FACTOR_WORDS = {"mult", "multiplier", "scale", "weight", "coef", "coeff", "coefficient", "alpha"}

# Columns that are neither settings nor results, with the reason that is told.
IGNORED_NAMES = {
    name: reason
    for reason, names in (
        (
            "time",
            "runtime _runtime duration time seconds secs hours minutes elapsed wall_time walltime "
            "wall_clock wallclock train_time training_time time_s total_time _wandb_runtime "
            "train_runtime time_total_s time_this_iter_s elapsed_time gpu_hours",
        ),
        (
            "date",
            "timestamp _timestamp created updated date datetime start_time end_time created_at "
            "updated_at heartbeat_at started finished started_at finished_at datetime_start "
            "datetime_complete",
        ),
        ("last step logged", "_step step epoch global_step trainer_global_step iteration iter"),
        (
            "identity",
            "id run_id run_uuid uuid name run_name run display_name experiment experiment_id "
            "experiment_name url link path group sweep sweep_id user user_id username host "
            "hostname job job_id job_type commit git_commit git_hash git project entity "
            "source_type source_name source_version artifact_uri trial trial_id number index row "
            "unnamed_0 lifecycle_stage slurm_job_id checkpoint output_dir out_dir log_dir "
            "program command version",
        ),
        ("notes", "notes note comment comments description tags tag remark remarks"),
        (
            "hardware",
            "gpu gpus n_gpus num_gpus gpu_count gpu_type gpu_name device devices memory mem "
            "gpu_memory peak_memory max_memory mfu throughput tokens_per_sec tokens_per_second "
            "tokens_s samples_s steps_per_second it_s "
            "samples_per_sec samples_per_second world_size nodes n_nodes num_nodes num_workers "
            "hardware train_samples_per_second train_steps_per_second",
        ),
    )
    for name in names.split()
}
_RESULTS = (
    "loss acc accuracy perplexity ppl bpb bpc bleu rouge f1 auc score error err reward grad "
    "gradient gradnorm entropy nll mse mae rmse r2 top1 top5 sharpness mmlu hellaswag lambada "
    "precision recall objective"
)
HARDWARE_WORDS = {"gpu", "gpus", "memory", "mem", "mfu", "throughput"}
TIME_WORDS = {"time", "seconds", "secs", "minutes", "hours", "runtime", "duration"}
TIME_WORDS |= {"clock", "wallclock", "walltime", "hour", "hrs"}
RESULT_WORDS = set(_RESULTS.split())
