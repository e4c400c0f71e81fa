/** A backend that is told what happens. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HookRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** As it was answered. */
  readonly status: number
}

export class HookReceiver {
  readonly requests: HookRequest[] = []
  /** What it answers to each request. */
  answer: (request: Omit<HookRequest, 'status'>) => { readonly status: number; readonly body?: string } =
    () => ({
      status: 204,
    })
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<HookReceiver> {
    const server = createServer()
    const receiver = new HookReceiver(server)
    server.on('request', (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const one = {
          path: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        }
        const { status, body } = receiver.answer(one)
        receiver.requests.push({ ...one, status })
        response.writeHead(status).end(body)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** What it was told and took, at one path. */
  events(path: string): Record<string, unknown>[] {
    return this.requests
      .filter((one) => one.path === path && one.status < 300)
      .flatMap(({ body }) => (JSON.parse(body) as { events: Record<string, unknown>[] }).events)
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}
