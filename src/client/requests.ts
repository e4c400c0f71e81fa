/**
 * Requests that outlive a connection, by `ref`. A ref is never used twice, so an answer that comes late finds nobody.
 */
import type { ServerFrame } from '../dialect/sluice-v1/frames.ts'
import { encoder } from '../protocol/binary.ts'
import { ClientError } from './errors.ts'
import type { Socket, Wire } from './socket.ts'
import type { Time } from './time.ts'

/** More than this would run into the gateway's limit of frames per second when all are repeated at once. */
export const UNANSWERED_MAX = 500

interface Pending {
  readonly wire: Wire
  /** Outlives a disconnection. Every request outlives a move. */
  readonly repeat: boolean
  readonly resolve: (frame: ServerFrame) => void
  readonly reject: (error: ClientError) => void
}

export class Requests {
  readonly #time: Time
  readonly #timeoutMs: number
  readonly #pending = new Map<number, Pending>()
  readonly #answers = new Set<Promise<unknown>>()
  #ref = 0
  /** The gateway closes a connection that sends more at once, and the client would come back to send it again. */
  frameBytesMax = Infinity

  constructor(time: Time, timeoutMs: number) {
    this.#time = time
    this.#timeoutMs = timeoutMs
  }

  nextRef(): number {
    return ++this.#ref
  }

  /**
   * Resolves with the answer, over whichever socket it comes. Rejects with a `ClientError`, or throws one where too many wait. Sent over `socket` where one serves. Whoever
   * wants it within `timeoutMs` waits no longer than that.
   */
  ask(
    ref: number,
    wire: Wire,
    repeat: boolean,
    socket: Socket | undefined,
    timeoutMs = Infinity,
  ): Promise<ServerFrame> {
    if (this.#pending.size >= UNANSWERED_MAX) {
      throw new ClientError('limit_exceeded', `${UNANSWERED_MAX} requests are unanswered`)
    }
    const longestMs = Math.min(timeoutMs, this.#timeoutMs)
    let cancel: (() => void) | undefined
    const answer = new Promise<ServerFrame>((resolve, reject) => {
      const pending = { wire, repeat, resolve, reject }
      this.#pending.set(ref, pending)
      this.#write(socket, pending)
      cancel = this.#time.after(longestMs, () =>
        reject(new ClientError('timeout', `no answer within ${longestMs} ms`)),
      )
    }).finally(() => {
      cancel?.()
      this.#pending.delete(ref)
      this.#answers.delete(answer)
    })
    this.#answers.add(answer)
    return answer
  }

  /** Once what is unanswered now is answered, or rejected. */
  settled(): Promise<unknown> {
    return Promise.allSettled(this.#answers)
  }

  /** A frame with a `ref`; one that nobody waits for any more is nothing. */
  answer(frame: ServerFrame & { readonly ref?: number }): void {
    const pending = this.#pending.get(frame.ref as number)
    if (frame.type === 'error') pending?.reject(errorOf(frame))
    else pending?.resolve(frame)
  }

  /** A new socket serves: what is still unanswered is sent again, in order. */
  repeat(socket: Socket): void {
    for (const pending of this.#pending.values()) this.#write(socket, pending)
  }

  #write(socket: Socket | undefined, { wire, reject }: Pending): void {
    const max = this.frameBytesMax
    const { length } = typeof wire === 'string' ? encoder.encode(wire) : wire
    if (length > max)
      reject(new ClientError('limit_exceeded', `the frame has ${length} bytes, the gateway takes ${max}`))
    else socket?.write(wire)
  }

  /** Rejects what does not outlive a disconnection, or everything. */
  reject(error: ClientError, everything: boolean): void {
    for (const { repeat, reject } of this.#pending.values()) if (everything || !repeat) reject(error)
  }
}

export function errorOf({ code, message, retryable }: ServerFrame & { readonly type: 'error' }): ClientError {
  return new ClientError(code, message, { retryable })
}
