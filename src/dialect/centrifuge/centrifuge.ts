/**
 * The protocol of Centrifuge's clients, version 2, in its two encodings.
 */
import { CLOSE_CODES } from './closings.ts'
import { json, protobuf, type Encoding } from './encoding.ts'
import { CentrifugeForm } from './form.ts'
import { uniJson } from './uni.ts'
import { Speaker } from './speaker.ts'
import type { CentrifugeHello, SpeakerOptions, SpeakerPorts } from './speaker-ports.ts'
import type { Conversation, Dialect, Farewell, Hello } from '../dialect.ts'
import { listed } from '../request.ts'
import type { RequestHead } from '../../drivers/uws.ts'
import { SluiceError, type Closing } from '../../errors.ts'
import type { Form } from '../../protocol/form.ts'

const SUBPROTOCOLS: ReadonlyMap<string, Encoding> = new Map([
  ['centrifuge-json', json],
  ['centrifuge-protobuf', protobuf],
])

/** In the URL, for clients that cannot choose a subprotocol. */
const PARAMETERS = ['cf_protocol', 'format']

/** Nothing in the handshake says who it is, or that it was here before. */
const NO_PROOF = { token: undefined, ticket: undefined, turns: undefined, named: undefined }

export class Centrifuge implements Dialect {
  readonly name = 'centrifuge'
  readonly refuses = 'handshake'
  readonly closeCodes = CLOSE_CODES
  readonly #oneWay: boolean
  readonly #ports: SpeakerPorts
  readonly #options: SpeakerOptions
  readonly #forms: ReadonlyMap<Encoding, Form<Buffer>>

  /** `oneWay`: its WebSockets are of clients that listen only. */
  constructor(ports: SpeakerPorts, options: SpeakerOptions, oneWay = false) {
    this.#oneWay = oneWay
    this.#ports = ports
    this.#options = options
    this.#forms = new Map(
      [json, protobuf, uniJson].map((encoding) => [encoding, new CentrifugeForm(encoding)]),
    )
  }

  hello(head: RequestHead): CentrifugeHello {
    if (this.#oneWay) return { ...NO_PROOF, subprotocol: '', encoding: uniJson }
    const offered = head.headers['sec-websocket-protocol']
    const subprotocol = offered === undefined ? '' : listed(offered).find((one) => SUBPROTOCOLS.has(one))
    if (subprotocol === undefined) {
      const known = [...SUBPROTOCOLS.keys()].join(' or ')
      throw new SluiceError('bad_request', `the subprotocols offered do not include ${known}`)
    }
    const query = new URLSearchParams(head.query)
    const asked = PARAMETERS.some((name) => query.get(name) === 'protobuf') ? protobuf : json
    const encoding = SUBPROTOCOLS.get(subprotocol) ?? asked
    return { ...NO_PROOF, subprotocol, encoding }
  }

  converse(hello: Hello): Conversation<Buffer> {
    // It is one of those that were made above.
    const spoken = hello as CentrifugeHello
    return new Speaker(spoken, this.#forms.get(spoken.encoding) as Form<Buffer>, this.#ports, this.#options)
  }

  farewell(closing: Closing): Farewell {
    const { message: reason, as } = closing
    return { text: undefined, ...(as ?? { reason }) }
  }
}
