/**
 * A client over HTTP that speaks the frames of a WebSocket. It is one in every respect (limits, admission, the first frame, slowness) but
 * for how bytes come and go.
 */
import type { LinkSocket } from './link-sockets.ts'
import { WebSocketConnection } from './websocket.ts'
import type { Fanout, StreamFanout } from '../hub/fanout.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedEvent } from '../protocol/encoded-event.ts'
import type { Form } from '../protocol/form.ts'

export class LinkConnection extends WebSocketConnection implements StreamFanout {
  readonly size = 1
  /** Called once it has gone. */
  left: () => void = () => undefined
  #link: LinkSocket | undefined
  readonly #mode: 'sse' | 'poll'
  readonly #form: Form<Buffer>

  constructor(
    mode: 'sse' | 'poll',
    ...[arrived, context]: ConstructorParameters<typeof WebSocketConnection>
  ) {
    super(arrived, context)
    this.#mode = mode
    this.#form = arrived.conversation.form
  }

  override get transport(): 'sse' | 'poll' {
    return this.#mode
  }

  override opened(socket: LinkSocket): void {
    this.#link = socket
    super.opened(socket)
  }

  /** Idempotent: a client may go while it is being closed. */
  override gone(code: number): void {
    if (this.closed) return
    super.gone(code)
    this.left()
  }

  override hasRoom(): boolean {
    return this.#link?.slow !== true && super.hasRoom()
  }

  override attach(fanout: Fanout): void {
    fanout.addStreams(this)
    this.session?.account?.joined(fanout.messages)
  }

  override detach(fanout: Fanout): void {
    fanout.removeStreams(this)
    this.session?.account?.left(fanout.messages)
  }

  /** It is on no topic that others could be reached on: it leaves for this one message. */
  override stepAside(fanout: Fanout): undefined {
    this.detach(fanout)
  }

  // StreamFanout

  message(_channel: string, encoded: Encoded): void {
    this.deliver(encoded)
    // The channel counts it, for all who are live.
    const account = this.session?.account
    if (account !== undefined) account.messages--
  }

  event(encoded: EncodedEvent): void {
    const written = encoded.as(this.#form)
    if (written !== undefined) this.write(written)
  }
}
