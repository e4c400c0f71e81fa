/**
 * SIGHUP: certificates and the configuration are read again, and what a running node can take up is taken up. A configuration that cannot be
 * used changes nothing.
 */
import { changedOptions, RELOADED } from '../config/changes.ts'
import { ConfigError } from '../config/config-error.ts'
import type { Config } from '../config/schema.ts'
import type { Node } from '../node/contract.ts'
import { LOG_LEVELS } from '../observe/log.ts'

export class Reload {
  readonly #node: Pick<Node, 'log' | 'renewCertificates' | 'caught'>
  readonly #load: () => Config
  #config: Config

  constructor(node: Pick<Node, 'log' | 'renewCertificates' | 'caught'>, config: Config, load: () => Config) {
    this.#node = node
    this.#config = config
    this.#load = load
  }

  now(): void {
    const { log, caught } = this.#node
    // Whatever is wrong with the configuration, certificates are files of their own.
    this.#node.renewCertificates().catch((error: unknown) => caught('task', error))
    let config: Config
    try {
      config = this.#load()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      log.error(
        { complaints: error.complaints },
        'the configuration was read again and cannot be used: nothing has changed',
      )
      return
    }
    const before = this.#config.log.level
    const changed = changedOptions(this.#config, config)
    const reloaded = changed.filter((option) => RELOADED.includes(option))
    const needRestart = changed.filter((option) => !RELOADED.includes(option))
    // What needs a restart is named again each time, until there is one.
    this.#config = { ...this.#config, log: { ...this.#config.log, level: config.log.level } }
    // Said at whichever level says more.
    const { level } = config.log
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(before)) log.setLevel(level)
    log.info({ reloaded, needRestart, level }, 'the configuration was read again')
    log.setLevel(level)
  }
}
