/**
 * The body of a request, as it comes.
 */
import { SluiceError, type Caught } from '../errors.ts'
import type { Native } from './uws-binary.ts'

/** Fails with `limit_exceeded` above `bytesMax`. Never settles if the peer goes before its body is complete. */
export function collectBody(
  response: Native.HttpResponse,
  bytesMax: number,
  caught: Caught,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const take = (chunk: ArrayBuffer, last: boolean): void => {
      bytes += chunk.byteLength
      if (bytes > bytesMax) {
        chunks.length = 0
        reject(new SluiceError('limit_exceeded', `the body is larger than ${bytesMax} bytes`))
        return
      }
      // The only chunk is copied at once; later ones too, since their memory is taken back after the call.
      chunks.push(Buffer.from(Buffer.from(chunk)))
      if (last) resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))
    }
    response.onData((chunk, last) => {
      try {
        take(chunk, last)
      } catch (error) {
        caught('body', error)
        reject(new SluiceError('internal', 'the body could not be read'))
      }
    })
  })
}
