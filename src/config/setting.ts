/** A value somebody gave for an option, not looked at yet, and where it was found. */
export interface Setting {
  /** As it was written, such as `rb-size`. */
  readonly name: string;
  readonly text: string;
  /** Where in the order of precedence it stands: one directory, one file, the environment or the command line. */
  readonly source: string;
  /** For messages: `--rb-size`, `JATAI_RB_SIZE`, `/etc/jatai/jatai.conf.d/rb-size`. */
  readonly origin: string;
}

/** Something given in a wrong way; `hint` may be empty. */
export interface SettingProblem {
  readonly origin: string;
  readonly message: string;
  readonly hint: string;
}
