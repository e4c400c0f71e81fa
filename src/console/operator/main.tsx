/**
 * The operators' console, as the second listener serves it at `/`.
 */
import { render } from 'preact'
import { App } from './app.tsx'

render(<App />, document.getElementById('app') as HTMLElement)
