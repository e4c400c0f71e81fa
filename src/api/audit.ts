/**
 * The log of who did what on the second listener: by the name of the API key, never by the key.
 */
import type { Caller, Trace } from './caller.ts'
import type { Log } from '../observe/log.ts'
import type { Mistakes } from '../observe/mistakes.ts'

/** What changes something for others, and is written down. */
export type AuditedAction =
  | 'revoke'
  | 'disconnect'
  | 'drain'
  | 'change drain'
  | 'cancel drain'
  | 'rebalance'
  | 'cancel rebalance'
  | 'set the target'
  | 'clear the target'
  | 'cordon'
  | 'uncordon'
  | 'make a token'
  | 'follow a user'
  | 'subscribe'
  | 'unsubscribe'
  | 'refresh'
  | 'set the log level'
  | 'send a dead letter again'
  | 'drop a dead letter'
  | 'forget grants'

export interface AuditPorts {
  readonly log: Pick<Log, 'info'>
  /** A stranger can be refused as often as he likes: of these there is a line a second, with how many there were. */
  readonly mistakes: Pick<Mistakes, 'warn'>
}

export interface Audited {
  readonly action: AuditedAction
  /** The user or the node that it was done to. */
  readonly on: Readonly<Record<string, string>>
  readonly status: number
}

interface Refused extends Trace {
  readonly method: string
  readonly path: string
}

/** Paths are what whoever asks makes of them. */
const PATH_LENGTH_MAX = 200

export class Audit {
  readonly #ports: AuditPorts

  constructor(ports: AuditPorts) {
    this.#ports = ports
  }

  /** Done, or tried: the status says which. */
  acted({ grant, trace }: Caller, { action, on, status }: Audited): void {
    this.#ports.log.info({ audit: action, keyName: grant.name, ...trace, ...on, status }, 'audit')
  }

  /** No key, or none of ours. */
  refused({ path, ...request }: Refused, reason: string): void {
    this.#ports.mistakes.warn('audit: an API key was refused', {
      audit: 'refused key',
      ...request,
      path: path.slice(0, PATH_LENGTH_MAX),
      reason,
    })
  }

  /** One of ours that may not do this. */
  forbidden({ grant, trace }: Caller, reason: string): void {
    this.#ports.mistakes.warn('audit: an API key may not do this', {
      audit: 'forbidden',
      keyName: grant.name,
      ...trace,
      reason,
    })
  }
}
