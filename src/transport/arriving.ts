/**
 * What a WebSocket needs until its client has said who it is: its address, and the moment by which that must have happened. A connection
 * that has joined, for hours perhaps, needs none of it.
 */
import type { Newcomer } from './newcomers.ts'
import type { WebSocketContext } from './websocket-context.ts'
import type { WheelEntry } from '../wheel.ts'

interface Awaited {
  /** It did not say in time who it is. */
  late(): void
  abandon(): void
}

export class Arriving implements WheelEntry, Newcomer {
  readonly #connection: Awaited
  /** Of the client, behind proxies; empty where nothing is to be charged to it. */
  readonly address: string
  /** It has said who it is, which is being checked. */
  introduced = false
  wheelTick = -1
  wheelBefore: WheelEntry | undefined
  wheelBehind: WheelEntry | undefined

  constructor(connection: Awaited, address: string) {
    this.#connection = connection
    this.address = address
  }

  come({ ports, options, newcomers }: WebSocketContext): void {
    ports.wheel.schedule(this, options.connectTimeoutMs)
    newcomers.enter(this)?.due()
  }

  /** It is waited for no longer. Idempotent. */
  leave({ ports, newcomers }: WebSocketContext): void {
    ports.wheel.cancel(this)
    newcomers.leave(this)
  }

  due(): void {
    if (!this.introduced) this.#connection.late()
  }

  abandon(): void {
    this.#connection.abandon()
  }
}
