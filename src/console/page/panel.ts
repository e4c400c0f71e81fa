/**
 * One transport on the page: its state, its counters and what it was shown. Text goes in as text, never as HTML.
 */

export interface ShownMessage {
  /** Where a transport says it: offsets of another epoch have nothing to do with these. */
  readonly epoch?: string | undefined
  readonly offset: number | undefined
  readonly data: unknown
  /** When it was published, milliseconds since 1970. */
  readonly time: number
}

/** What a transport does for its panel. */
export interface Feed {
  /** Starts on a channel, leaving the one before. */
  listen(channel: string): void
  /** Loses the connection, as a lost network does, and comes back after `ms`. */
  cut(ms: number): void
}

type Count = 'received' | 'twice' | 'disordered' | 'replayed' | 'resets' | 'cuts'
type Kind = 'good' | 'warn' | 'bad'

const SHOWN_MAX = 100
/** More of these than none is a fault. */
const ALARMS: ReadonlySet<Count> = new Set(['twice', 'disordered'])

export class Panel {
  readonly #root: HTMLElement
  readonly #counts = new Map<Count, number>()
  readonly #seen = new Set<number>()
  #last = 0
  #epoch: string | undefined
  #resumedMs = 0

  constructor(title: string, what: string, parent: HTMLElement, template: HTMLTemplateElement) {
    const copy = template.content.cloneNode(true) as DocumentFragment
    this.#root = copy.querySelector('.panel') as HTMLElement
    this.#root.id = title.toLowerCase().replaceAll(' ', '-')
    this.#find('h2').textContent = title
    this.#find('.what').textContent = what
    parent.append(copy)
  }

  onCut(run: () => void): void {
    this.#find('.cut').addEventListener('click', run)
  }

  state(text: string, kind: Kind): void {
    const badge = this.#find('.badge')
    badge.textContent = text
    badge.dataset['kind'] = kind
  }

  /** Another channel: nothing of the last one counts. */
  clear(): void {
    this.#counts.clear()
    this.#forget()
    for (const cell of this.#root.querySelectorAll<HTMLElement>('dd')) {
      cell.textContent = '0'
      cell.classList.remove('alarm')
    }
    this.#find('.messages').replaceChildren()
    this.position('–')
  }

  /** Back after a cut, at this moment: what was published before it, and comes now, is replayed. */
  resumed(atMs = Date.now()): void {
    this.note('resumed')
    this.#resumedMs = atMs
  }

  cut(): void {
    this.count('cuts')
    this.note('cut', 'cut')
    this.state('cut', 'warn')
  }

  /** Something may be missing; what comes next is counted from where it is. */
  reset(channel: string, reason: string): void {
    this.count('resets')
    this.note(`reset of ${channel} (${reason}): refetch your state`, 'reset')
    this.#forget()
  }

  message({ epoch, offset, data, time }: ShownMessage): void {
    this.count('received')
    // The gateway has started again, and counts from the beginning.
    if (epoch !== undefined && epoch !== this.#epoch) {
      if (this.#epoch !== undefined) this.#forget()
      this.#epoch = epoch
    }
    if (offset !== undefined) {
      if (this.#seen.has(offset)) this.count('twice')
      else if (offset < this.#last) this.count('disordered')
      this.#seen.add(offset)
      this.#last = Math.max(this.#last, offset)
    }
    const item = document.createElement('li')
    if (time < this.#resumedMs) {
      this.count('replayed')
      item.className = 'replayed'
      item.title = 'published while this connection was cut'
    }
    const place = document.createElement('span')
    place.className = 'offset'
    place.textContent = offset === undefined ? '' : `#${offset}`
    item.append(clockOf(time), place, typeof data === 'string' ? data : JSON.stringify(data))
    this.#show(item)
  }

  note(text: string, kind = ''): void {
    const item = document.createElement('li')
    item.className = `note ${kind}`
    item.append(clockOf(Date.now()), text)
    this.#show(item)
  }

  position(text: string): void {
    this.#find('.position code').textContent = text
  }

  count(name: Count): void {
    const value = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, value)
    const cell = this.#find(`[data-count="${name}"]`)
    cell.textContent = String(value)
    if (ALARMS.has(name)) cell.classList.add('alarm')
  }

  #forget(): void {
    this.#seen.clear()
    this.#last = 0
    this.#epoch = undefined
  }

  #show(item: HTMLElement): void {
    const list = this.#find('.messages')
    list.prepend(item)
    while (list.childElementCount > SHOWN_MAX) list.lastElementChild?.remove()
  }

  #find(selector: string): HTMLElement {
    const found = this.#root.querySelector<HTMLElement>(selector)
    if (found === null) throw new Error(`the page has no ${selector}`)
    return found
  }
}

function clockOf(ms: number): HTMLElement {
  const element = document.createElement('time')
  element.textContent = new Date(ms).toTimeString().slice(0, 8)
  return element
}
