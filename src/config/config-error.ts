/** The exit code of a process whose configuration or command line cannot be used. */
export const EXIT_USAGE = 2

/**
 * The configuration cannot be used. The message is one line: which key, where it was set, what it is and what is
 * allowed; never a secret.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** All that was found, one line each; the message is about the first. */
  readonly complaints: readonly string[]

  constructor(first: string, ...others: readonly string[]) {
    const more = others.length === 0 ? '' : ` (and ${others.length} more: sluice config check lists all)`
    super(`${first}${more}`)
    this.complaints = [first, ...others]
  }
}
