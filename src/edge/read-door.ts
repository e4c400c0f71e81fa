/**
 * The door of requests that only read, below a path: what each must pass.
 */
import { refusal, refusalHeaders } from './arrivals.ts'
import { answersMethod, tokenOf, type Doorway } from './http-door.ts'
import { NOSNIFF } from './methods.ts'
import type { EdgeOptions, EdgePorts } from './ports.ts'
import type { ReadRoute } from './route.ts'
import type { HttpExchange } from '../drivers/uws.ts'
import { asSluiceError, errorBody } from '../errors.ts'

/** Of what is read, whose answers have tags. */
const CONDITION = 'If-None-Match'

export class ReadDoor {
  readonly #ports: EdgePorts
  readonly #options: EdgeOptions
  readonly #doorway: Doorway
  readonly #route: ReadRoute

  constructor(ports: EdgePorts, options: EdgeOptions, doorway: Doorway, route: ReadRoute) {
    this.#ports = ports
    this.#options = options
    this.#doorway = doorway
    this.#route = route
  }

  has(path: string): boolean {
    return path.startsWith(`${this.#route.path}/`)
  }

  /** Its path is one of the door's, and its origin was checked. */
  handle(exchange: HttpExchange): void {
    const { head } = exchange
    const { admission } = this.#ports
    const cors = { ...this.#doorway.origins.headers(head.headers.origin), ...NOSNIFF }
    if (answersMethod(exchange, cors, CONDITION)) return
    const address = this.#doorway.addresses.of(head)
    const token = tokenOf(head, this.#options.tokenCookie)
    const asked = admission.ask({ address, resume: false }, (verdict) => {
      if (verdict.kind === 'refuse') {
        this.#doorway.arrivals.warnOfProxy(head, verdict)
        const { code, message } = refusal(verdict)
        const headers = { ...refusalHeaders(verdict), ...cors }
        exchange.respond(verdict.tooMany ? 429 : 503, headers, errorBody(code, message))
        return
      }
      const name = head.path.slice(this.#route.path.length + 1)
      this.#route.reads.serve({ exchange, name, token, cors }).catch((error: unknown) => {
        if (asSluiceError(error).code === 'unauthorized') admission.charge(address, 'token')
        this.#doorway.failed(exchange, error)
      })
    })
    exchange.onAborted(() => asked.cancel())
  }
}
