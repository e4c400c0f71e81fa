/**
 * `sluice.v1`: the protocol of the SDK, and of streams and polls.
 */
import { CLOSE } from './codes.ts'
import { FRAMES, LINES } from './encode.ts'
import { SUBPROTOCOL } from './frames.ts'
import { Greeting, type GreetingOptions, type GreetingPorts } from './greeting.ts'
import { errorFrame, Talk } from './talk.ts'
import type { Conversation, Dialect, Farewell, Hello, StreamDialect } from '../dialect.ts'
import { bearer, listed } from '../request.ts'
import type { RequestHead } from '../../drivers/uws.ts'
import { SluiceError, type Closing } from '../../errors.ts'
import { readTicket } from '../../protocol/ticket.ts'

export class SluiceV1 implements Dialect, StreamDialect {
  readonly name = SUBPROTOCOL
  readonly refuses = 'handshake'
  readonly closeCodes = CLOSE
  readonly streams: Conversation<string>
  readonly #talk: Talk<Buffer>
  readonly #ports: GreetingPorts
  readonly #options: GreetingOptions

  constructor(ports: GreetingPorts, options: GreetingOptions) {
    this.#ports = ports
    this.#options = options
    this.#talk = new Talk(FRAMES, ports, options)
    this.streams = new Talk(LINES, ports, options)
  }

  hello(head: RequestHead): Hello {
    const offered = head.headers['sec-websocket-protocol']
    if (offered !== undefined && offered !== SUBPROTOCOL && !listed(offered).includes(SUBPROTOCOL))
      throw new SluiceError('bad_request', `the subprotocols offered do not include ${SUBPROTOCOL}`)
    const subprotocol = offered === undefined ? '' : SUBPROTOCOL
    // Most say it all in `connect`.
    if (head.query === '') return { token: bearer(head), ticket: undefined, turns: undefined, subprotocol }
    const query = new URLSearchParams(head.query)
    const move = query.get('move')
    return {
      // A browser cannot set a header.
      token: bearer(head) ?? query.get('token') ?? undefined,
      ticket: readTicket(query.get('resume') ?? ''),
      turns: move === null ? undefined : Number(move),
      subprotocol,
    }
  }

  converse({ token }: Hello): Conversation<Buffer> {
    return new Greeting(token, this.#talk, this.#ports, this.#options)
  }

  farewell({ code, message }: Closing): Farewell {
    return { text: errorFrame(code, message), reason: message }
  }

  closing(
    { code, message }: Pick<Closing, 'code' | 'message'>,
    url?: string,
  ): { readonly name: string; readonly text: string } {
    const { retryable } = new SluiceError(code, message)
    // Not named `error`: a browser would hand it to the handler of its own connection errors.
    return { name: 'closing', text: JSON.stringify({ type: 'closing', code, message, retryable, url }) }
  }
}
