/** That the gateway does not answer, and how it is started: said for as long as it is so. */
import { NPX } from '../../package-names.ts'

const LOOK_MS = 2000

export function showAway(element: HTMLElement): void {
  const look = async (): Promise<void> => {
    const away = await fetch('/dev/facts', { cache: 'no-store' }).then(
      () => false,
      () => true,
    )
    if (away === !element.hidden) return
    element.hidden = !away
    element.textContent = away
      ? `The gateway is away. Start it with ${NPX} dev (npm run dev in a clone): this page goes on by itself.`
      : ''
  }
  setInterval(() => void look(), LOOK_MS)
}
