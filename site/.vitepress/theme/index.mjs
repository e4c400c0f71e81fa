/** The theme as it comes, without the font that it would load: what the reader's system has is there at once. */
import theme from 'vitepress/theme-without-fonts'
import './style.css'

export default theme
