/** The theme as it comes, without the font that it would load: what the reader's system has is there at once. */
import './style.css'

export { default } from 'vitepress/theme-without-fonts'
