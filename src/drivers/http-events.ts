/**
 * Reads an event stream over HTTP, or over HTTPS with a CA of one's own. Of an event only its `data` counts, on one line or several
 * (HTML, section 9.2.6).
 */
import type { IncomingHttpHeaders } from 'node:http'
import { requesterOf } from './outgoing.ts'

export interface EventsQuestion {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly ca?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** One event, or an answer that is no stream, is given up above this. */
  readonly bytesMax: number
}

/** `text`: of an answer that is no stream. */
export interface EventsAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Resolves when the stream has ended, or was aborted by the signal. Fails where the connection does. */
export function readEvents(
  { url, headers, ca, signal, bytesMax }: EventsQuestion,
  event: (data: string) => void,
): Promise<EventsAnswer> {
  const request = requesterOf(url)
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      headers: { accept: 'text/event-stream', ...headers },
      ...(ca === undefined ? {} : { ca }),
      ...(signal === undefined ? {} : { signal }),
    })
    const fail = (error: Error): void => {
      if (signal?.aborted === true) resolve({ status: 200, headers: {}, text: '' })
      else reject(error)
    }
    asked.on('error', fail)
    asked.on('response', (response) => {
      const { statusCode: status = 0, headers: answered } = response
      const isStream = answered['content-type']?.startsWith('text/event-stream') === true
      let text = ''
      response.setEncoding('utf8')
      response.on('error', fail)
      response.on('data', (chunk: string) => {
        text += chunk
        if (isStream) text = tellWhole(text, event)
        if (text.length > bytesMax) response.destroy(new Error('the answer is too large to be one of a node'))
      })
      response.on('end', () => resolve({ status, headers: answered, text: isStream ? '' : text }))
    })
    asked.end()
  })
}

/** Tells each event that is whole; the answer is what is left. */
function tellWhole(text: string, event: (data: string) => void): string {
  let rest = text
  for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
    const data = rest
      .slice(0, end)
      .split('\n')
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice('data:'.length).trimStart())
    rest = rest.slice(end + 2)
    if (data.length > 0) event(data.join('\n'))
  }
  return rest
}
