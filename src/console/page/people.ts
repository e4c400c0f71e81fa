/** Who is on the channel, by the presence of the gateway. */
import type { SluiceClient } from '../../client/index.ts'

/** Those who came and went are told of; the whole list is asked for again now and then, since a cut may hide some of it. */
const ASK_MS = 3000

export function showPeople(
  list: HTMLElement,
  client: SluiceClient,
  self: string,
): { of(channel: string): void } {
  let channel = ''
  const show = (users: readonly string[]): void => {
    const items = users.map((user) => {
      const item = document.createElement('li')
      item.textContent = user === self ? `${user} (this page)` : user
      return item
    })
    list.replaceChildren(...items)
  }
  const ask = async (): Promise<void> => {
    const asked = channel
    if (asked === '' || client.state !== 'connected') return
    try {
      const users = await client.presence(asked)
      if (asked === channel) show([...users].sort())
    } catch (error) {
      const item = document.createElement('li')
      item.textContent = error instanceof Error ? error.message : String(error)
      if (asked === channel) list.replaceChildren(item)
    }
  }
  client.on('welcome', () => void ask())
  client.on('join', () => void ask())
  client.on('leave', () => void ask())
  setInterval(() => void ask(), ASK_MS)
  return {
    of(name) {
      channel = name
      list.replaceChildren()
      void ask()
    },
  }
}
