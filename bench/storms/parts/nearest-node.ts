/**
 * Chooses a node for each connection as a balancer by connections would: among those that are ready, the one to which the fewest
 * of this process go.
 */
import WebSocket from 'ws'
import type { Backend } from './haproxy.ts'
import type { WebSocketConstructor } from '../../../src/client/index.ts'

/** As HAProxy in docs/operations.md: a node is out after two answers that it is not ready. */
const CHECK_MS = 2000
const FALLS = 2

interface Watched extends Backend {
  connections: number
  falls: number
}

export class NearestNode {
  readonly #nodes: Watched[]

  private constructor(nodes: readonly Backend[]) {
    this.#nodes = nodes.map((node) => ({ ...node, connections: 0, falls: FALLS }))
  }

  /** Resolves once it is known which of them are ready. */
  static async among(nodes: readonly Backend[]): Promise<NearestNode> {
    const nearest = new NearestNode(nodes)
    const checkAll = (): Promise<unknown> => Promise.all(nearest.#nodes.map((node) => nearest.#check(node)))
    await checkAll()
    setInterval(() => void checkAll(), CHECK_MS)
    return nearest
  }

  /** A constructor that goes to the node that is chosen then, whatever the URL says. */
  webSocket(headers: Readonly<Record<string, string>>): WebSocketConstructor {
    const choose = (): Watched => this.#choose()
    return class extends WebSocket {
      constructor(url: string, protocol: string) {
        const node = choose()
        const target = new URL(url)
        target.port = String(node.port)
        super(target, protocol, { headers, perMessageDeflate: false })
        node.connections++
        this.once('close', () => node.connections--)
        // As with `option redispatch`: where nobody listens no second one is sent, however late the next check is.
        this.once('error', (error: NodeJS.ErrnoException) => {
          if (error.code === 'ECONNREFUSED') node.falls = FALLS
        })
      }
    }
  }

  #choose(): Watched {
    const ready = this.#nodes.filter(({ falls }) => falls < FALLS)
    const among = ready.length > 0 ? ready : this.#nodes
    return among.reduce((least, node) => (node.connections < least.connections ? node : least))
  }

  async #check(node: Watched): Promise<void> {
    try {
      const { status } = await fetch(`http://127.0.0.1:${node.apiPort}/readyz`)
      node.falls = status === 200 ? 0 : node.falls + 1
    } catch (error) {
      // Nobody listens.
      if (!(error instanceof TypeError)) throw error
      node.falls++
    }
  }
}
