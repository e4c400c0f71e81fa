import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Request {
  readonly method: string
  readonly path: string
  readonly key: string | undefined
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface FakeGateway {
  readonly url: string
  readonly requests: Request[]
  /** It has gone, with all connections. */
  close(): void
}

/** A second listener that answers as a test says, for the running test; `undefined`: it cuts the connection. */
export async function fakeGateway(answer: (request: Request) => Answer | undefined): Promise<FakeGateway> {
  const requests: Request[] = []
  const server = createServer((message, response) => {
    void readBody(message).then((body) => {
      const request = {
        method: message.method ?? '',
        path: message.url ?? '',
        key: message.headers.authorization,
        body,
      }
      requests.push(request)
      const answered = answer(request)
      if (answered === undefined) {
        message.socket.destroy()
        return
      }
      const { status, body: content, headers = {} } = answered
      response.writeHead(status, headers)
      response.end(typeof content === 'string' ? content : JSON.stringify(content))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  onTestFinished(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, close }
}

async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** An address at which nobody listens. */
export async function deadUrl(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}
