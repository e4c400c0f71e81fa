/**
 * A backend that is told over NATS: a request, which a subscriber answers, or a stream of JetStream that keeps what comes to the subject.
 */
import type { Sent } from './target.ts'
import type { Written } from './words.ts'
import { asSluiceError } from '../errors.ts'
import { objectIn } from '../protocol/json.ts'

type Request = (data: Uint8Array, headers: Written['headers']) => Promise<{ readonly data: Buffer }>

/** Never fails. */
export async function sendNats({ headers, body }: Written, request: Request): Promise<Sent> {
  try {
    const { data } = await request(Buffer.from(body), headers)
    return saysNo(data) ? { taken: false, why: 'it answered with an error' } : { taken: true }
  } catch (error) {
    return { taken: false, why: `it did not answer (${asSluiceError(error).code})` }
  }
}

/** As JetStream does where it cannot store it: `{"error": …}`. Any other answer, an empty one too, is a yes. */
function saysNo(data: Buffer): boolean {
  return objectIn(data.toString())?.['error'] !== undefined
}
