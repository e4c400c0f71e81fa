/** Which channels somebody listens to, and who, by the gateway's own word. */

const ASK_MS = 3000

interface Used {
  readonly channel: string
  readonly connections: number
  readonly users: readonly string[]
}

/** A click on a channel calls `chosen`. */
export function showChannels(list: HTMLElement, chosen: (channel: string) => void): void {
  let shown = ''
  const item = ({ channel, connections, users }: Used): HTMLElement => {
    const line = document.createElement('li')
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = channel
    button.addEventListener('click', () => chosen(channel))
    const many = connections === 1 ? '1 connection' : `${connections} connections`
    line.append(button, users.length === 0 ? many : `${many}: ${users.join(', ')}`)
    return line
  }
  const ask = async (): Promise<void> => {
    const text = await read()
    // What is the same stays, so that nobody's click goes to a button that has just been replaced.
    if (text === undefined || text === shown) return
    shown = text
    const { channels } = JSON.parse(text) as { readonly channels: readonly Used[] }
    list.replaceChildren(...channels.map(item))
  }
  void ask()
  setInterval(() => void ask(), ASK_MS)
}

/** `undefined`: not now. That the gateway is away, the page says elsewhere. */
async function read(): Promise<string | undefined> {
  try {
    const response = await fetch('/dev/channels')
    return response.ok ? await response.text() : undefined
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}
