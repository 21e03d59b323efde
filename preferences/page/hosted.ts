import { CarillonPreferences } from './preferences-element.ts'
import { languageOf } from '#browser/languages.ts'
import { texts } from './texts.ts'

/** The page by itself: the link that led here is what lets it in. */
const language = languageOf(navigator.languages)
document.documentElement.lang = language
document.title = texts[language].title
const [link] = location.pathname.split('/').slice(-1)
const element = new CarillonPreferences()
element.setAttribute('token', decodeURIComponent(link ?? ''))
element.setAttribute('level', '1')
document.querySelector('main')!.replaceChildren(element)
