/**
 * What is read by plain requests below a path, without a session.
 */
import type { HttpExchange, ResponseHeaders } from '../drivers/uws.ts'

export interface ReadRequest {
  readonly exchange: HttpExchange
  /** What stands behind the path of the route, as it came. */
  readonly name: string
  /** `undefined`: none was brought. */
  readonly token: string | undefined
  readonly cors: ResponseHeaders
}

export interface Reads {
  /** Of a client that was let in. Fails with a `SluiceError`. */
  serve(request: ReadRequest): Promise<void>
}
