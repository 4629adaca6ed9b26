# Русский. Ключи — по экранам, как в en.ftl.

app-name = Вече
starting = Открываем ваши сообщения…
cancel = Отмена
close = Закрыть
save = Сохранить
somebody = Кто-то

## Первый запуск, возвращение, разблокировка

first-title = Добро пожаловать в Вече
first-words = Общайтесь напрямую, без сервера посередине. Прочитать сможете только вы и ваши собеседники.
first-create = Создать аккаунт
first-working = Создаём ваши ключи…
first-have = У меня уже есть аккаунт
first-protect = Защитить это устройство парольной фразой
first-no-protect = Без парольной фразы
field-name = Ваше имя
hint-name = Анна Петрова
name-empty = Напишите, как к вам обращаться.
field-login = Логин
help-login = По нему вас найдут. К логину добавится короткая метка, поэтому одинаковые логины не мешают друг другу.
help-login-again = Логин аккаунта, который вы восстанавливаете.
login-empty = Выберите логин.
login-short = В логине не меньше 3 знаков.
login-long = В логине не больше 24 знаков.
login-letters = Только строчные латинские буквы, цифры, точки, дефисы и подчёркивания.
login-edge = Логин начинается и заканчивается буквой или цифрой.
login-double = Две точки, чёрточки или подчёркивания не могут стоять рядом.
login-no-letter = В логине нужна хотя бы одна буква.
field-passphrase = Парольная фраза
field-again = Ещё раз
help-passphrase = Не меньше 8 знаков, лучше несколько слов. Сбросить её не сможет никто.
passphrase-short = Нужно не меньше 8 знаков.
passphrase-differs = Фразы не совпадают.
restore-title = С возвращением
restore-words = Двенадцать слов вернут ваш аккаунт на это устройство.
field-words = Двенадцать слов восстановления
help-words = По порядку, через пробел.
restore-count = Здесь { $n ->
    [one] { $n } слово
    [few] { $n } слова
   *[many] { $n } слов
}, а нужно двенадцать.
restore-go = Восстановить аккаунт
restore-new = Создать новый аккаунт
restore-backup = Открыть резервную копию
unlock-title = С возвращением
unlock-words = Ваши сообщения закрыты парольной фразой.
unlock-go = Открыть
unlock-working = Открываем…
failed-title = Вече не может запуститься
failed-copy = Скопировать для отчёта
gone-title = Ваш аккаунт удалён
gone-words = На этом устройстве от него ничего не осталось. Окно можно закрыть.

## Левая колонка

side-search = Поиск людей
side-people = Люди
side-empty = Здесь появятся ваши собеседники.
side-no-match = Никого не нашлось.
side-no-messages = Сообщений пока нет
side-draft = Черновик:
page-nearby = Люди рядом
page-requests = Запросы
page-add = Добавить человека
unread-count = { $n ->
    [one] { $n } непрочитанное сообщение
    [few] { $n } непрочитанных сообщения
   *[many] { $n } непрочитанных сообщений
}
me-profile = { $name }, ваш профиль
presence-online = на связи
presence-idle = отошёл
presence-dnd = не беспокоить
presence-offline = не в сети
status-online = На связи
status-idle = Отошёл
status-dnd = Не беспокоить
status-invisible = Невидимка
last-seen = на связи: { $day } в { $time }
typing-short = печатает…
typing = { $name } печатает…

## Начало

welcome-title = Здравствуйте, { $name }!
welcome-words = Всё готово. Найдите, с кем поговорить.
welcome-back = Ничего не открыто
welcome-back-words = Выберите разговор или найдите кого-нибудь нового.
welcome-nearby = В той же сети, ничего не настраивая
welcome-link = Показать мою ссылку
welcome-link-words = Кодом для камеры или текстом
welcome-add-words = По ссылке или логину

## Разговор

chat-card-of = { $name }, показать карточку
chat-mute = Отключить звук
chat-unmute = Включить звук
chat-empty = Поздоровайтесь: { $name }
chat-empty-words = Сообщения идут прямо на устройства собеседника в зашифрованном виде. Если он не в сети, это устройство будет пробовать снова.
composer-to = Сообщение для { $name }
composer-send = Отправить
composer-left = { $n ->
    [one] Остался { $n } байт
    [few] Осталось { $n } байта
   *[many] Осталось { $n } байт
}
composer-too-long = Слишком длинно для одного сообщения. Разделите его на два.
composer-editing = Правка
composer-replying = Ответ на
composer-cancel = Отмена
closed-blocked = Вы заблокировали: { $name }.
closed-gone = { $name }: аккаунт удалён.
closed-not-contact = { $name } ещё не принимает сообщения от вас.
banner-queued = { $name } не в сети. Сообщения ждут на этом устройстве и уйдут, когда вы оба будете на связи.
banner-missing = { $n ->
    [one] { $n } сообщение от { $name } ещё в пути
    [few] { $n } сообщения от { $name } ещё в пути
   *[many] { $n } сообщений от { $name } ещё в пути
}
banner-devices = { $name }: новое устройство. Сравните коды безопасности, чтобы убедиться, что оно не чужое.
banner-clock = Часы этого компьютера идут неверно. Исправьте их: до тех пор ничего не отправляется.
banner-disk = Диск не принимает новые сообщения. Освободите место: до тех пор ничего не отправляется.
banner-copied = На другом компьютере работает копия этого профиля. Остановите одну из них и восстановите её по словам.
banner-why = Почему?
banner-compare = Сравнить
timeline-name = Сообщения
timeline-new = Новые
timeline-beginning = Здесь начинается ваш разговор: { $name }.
quote-not-loaded = Более раннее сообщение
message-deleted = Сообщение удалено
message-unsupported = Сообщение написано в более новой версии Вече. Обновите приложение, чтобы прочитать его.
message-reply = Ответить
message-copy = Скопировать текст
message-edit = Изменить
message-delete = Удалить
note-edited = изменено
note-late = пришло позже
note-forked = одна из двух версий: история устройства была скопирована
state-queued = Ждёт на этом устройстве
state-sent = Отправлено
state-held = Хранится для получателя
state-delivered = Доставлено
state-read = Прочитано
day-today = Сегодня
day-yesterday = Вчера
day-yesterday-short = Вчера
date-day = { $day } { $month }
date-year = { $day } { $month } { $year } г.
weekday-1 = Понедельник
weekday-2 = Вторник
weekday-3 = Среда
weekday-4 = Четверг
weekday-5 = Пятница
weekday-6 = Суббота
weekday-7 = Воскресенье
wd-1 = Пн
wd-2 = Вт
wd-3 = Ср
wd-4 = Чт
wd-5 = Пт
wd-6 = Сб
wd-7 = Вс
month-1 = января
month-2 = февраля
month-3 = марта
month-4 = апреля
month-5 = мая
month-6 = июня
month-7 = июля
month-8 = августа
month-9 = сентября
month-10 = октября
month-11 = ноября
month-12 = декабря

## Карточка и люди

card-close = Закрыть карточку
card-rename = Переименовать
card-calls-themselves = Сам себя называет: { $name }
card-status = Статус
card-about = О себе
card-verification = Проверка
card-verified = Код безопасности проверен
card-not-verified = Ещё не проверено
card-devices-changed = Появилось новое устройство
card-compare = Сравнить коды безопасности
card-why = Почему не доставлено?
card-block = Заблокировать
card-unblock = Разблокировать
route-loopback = Связь внутри этого компьютера
route-lan = Связь по локальной сети
route-direct = Прямая связь
route-relayed = Связь через ретранслятор
person-blocked = Вы заблокировали этого человека. Он не может писать вам и не видит, когда вы на связи.
person-gone = Этот человек удалил аккаунт.
person-asking = Хочет с вами поговорить. Пока вы не согласитесь, он ничего о вас не видит.
person-asked = Ваш запрос ждёт на этом устройстве, пока устройство собеседника не станет доступно.
person-asked-delivered = Запрос доставлен. Теперь слово за собеседником.
person-opening = Открываем разговор…
person-unknown = Вы ещё не знакомы.
nearby-visible = Показывать меня людям в этой сети
nearby-visible-help = Ваши имя и логин увидят устройства в той же сети. Если выключить, вы всё равно будете видеть тех, кто видим.
nearby-nobody = Пока никого нет
nearby-nobody-words = Здесь появятся люди с Вече из той же сети, если они разрешили себя показывать.
nearby-count = { $n ->
    [one] { $n } человек в этой сети
    [few] { $n } человека в этой сети
   *[many] { $n } человек в этой сети
}
nearby-write = Написать
nearby-asked = Запрос отправлен
nearby-answer = Ответить
nearby-blocked = Заблокирован
nearby-ask = Поздороваться
requests-none = Запросов нет
requests-none-words = Когда кто-нибудь захочет с вами поговорить, сначала это появится здесь.
requests-incoming = { $n ->
    [one] { $n } человек хочет с вами поговорить
    [few] { $n } человека хотят с вами поговорить
   *[many] { $n } человек хотят с вами поговорить
}
requests-outgoing = Ваши запросы
requests-waiting = Ждёт, пока устройство станет доступно
requests-delivered = Доставлен, ждём ответа
request-accept = Принять
request-decline = Отклонить
add-theirs = Найти человека
add-theirs-words = Вставьте ссылку, которую вам дали, или наберите логин.
field-theirs = Ссылка или логин
hint-theirs = veche:c/… или anna#K7Q2-9F
add-find = Найти
add-bad = Это не ссылка и не логин. Логин выглядит так: anna или anna#K7Q2-9F.
add-nobody = Сейчас никого с таким логином не видно. Попросите ссылку или подключитесь к той же сети.
add-several = Такой логин не у одного человека. Спросите шесть знаков после #.
add-mine = Ваша ссылка
add-mine-words = Дайте её тем, с кем хотите говорить: текстом или кодом для камеры.
add-link-coming = Готовим ссылку…
add-qr = Ваша ссылка в виде QR-кода
add-copy = Скопировать ссылку
add-renew = Создать новую ссылку
add-renew-help = Старые ссылки перестанут работать.
add-nearby = Или посмотрите, кто есть в этой сети

## Вопросы

ask-delete-message = Удалить сообщение?
ask-delete-message-words = Оно исчезнет здесь и на устройствах собеседника. Кто успел прочитать, тот может помнить.
ask-block = Заблокировать: { $name }?
ask-block-words = Этот человек больше не сможет писать вам и видеть, когда вы на связи; ему об этом не сообщат. Сообщения останутся здесь.
ask-rename = Имя для этого человека
help-rename = Его видите только вы. Оставьте пустым, чтобы вернуть имя, выбранное самим человеком.
ask-verify = Сравните: { $name }
verify-words = Посмотрите на это число вместе или прочитайте друг другу вслух. Если на обоих экранах оно одинаковое, между вами никого нет.
verify-coming = Вычисляем…
verify-match = Совпадают
verify-mismatch = Пока вы сравнивали, число изменилось. Проверьте ещё раз, прежде чем доверять.
ask-words = Слова восстановления
ask-diagnosis = Сообщения: { $name }
diagnosis-coming = Смотрим…
diagnosis-fine = Всё доставлено.
ask-link = Вы знаете этого человека?
ask-own-link = Это ваша собственная ссылка
link-own-words = Дайте её кому-нибудь, и этот человек сможет попросить о разговоре.
link-words = Вместе с запросом будут видны ваши имя и логин.
link-known = Вы уже общаетесь.
link-ask = Попросить о разговоре
field-note = Пара слов к запросу
hint-note = Привет, это Аня со скалодрома
ask-export = Резервная копия
export-words = Один файл с аккаунтом, контактами и сообщениями под отдельной парольной фразой. У кого есть и файл, и фраза, у того ваш аккаунт.
export-choose = Выбрать место
ask-import = Открыть резервную копию
import-words = Нужна фраза, выбранная при создании копии.
import-choose = Выбрать файл
backup-filter = Резервная копия Вече
ask-delete-account = Удалить аккаунт?
delete-what-messages = Все сообщения на этом устройстве будут стёрты.
delete-what-contacts = Контакты узнают, что аккаунта больше нет. Вернуться в него нельзя, даже со словами.
delete-what-login = Ваш логин смогут занять другие.
delete-confirm = Наберите свой логин ({ $name }) для подтверждения
delete-go = Удалить навсегда

## Слова восстановления

words-card = Сохраните слова восстановления
words-card-why = С ними вы вернёте аккаунт, если потеряете это устройство.
words-show = Показать слова
words-later = Позже
words-what = Двенадцать слов вернут ваш аккаунт на любом устройстве.
words-alone = Убедитесь, что никто не смотрит на экран.
words-nobody = У кого есть слова, у того ваш аккаунт. Узнать их за вас не сможет никто.
words-reveal = Показать слова
words-asking = Достаём слова…
words-write = Запишите их на бумаге в этом порядке.
words-written = Записал
words-check = Наберите три из них, чтобы проверить запись.
words-number = Слово { $n }
words-wrong = Это не то слово.
words-done = Готово
words-back = Показать ещё раз

## Настройки

settings-back = Назад
settings-profile = Профиль
settings-appearance = Внешний вид
settings-notifications = Уведомления
settings-privacy = Приватность
settings-security = Безопасность
settings-backup = Резервная копия
settings-network = Сеть
settings-keyboard = Клавиатура
settings-about = О приложении
settings-account = Удаление аккаунта
profile-status = Статус
profile-copy = Скопировать логин
profile-tag-coming = Метка логина вычисляется: это займёт мгновение, один раз.
field-status = Своими словами
hint-status = В поезде до шести
field-about = О себе
hint-about = Что другим стоит о вас знать
appearance-theme = Тема
appearance-theme-words = «Как в системе» следует за рабочим столом.
theme-system = Как в системе
theme-dark = Тёмная
theme-light = Светлая
appearance-language = Язык
appearance-language-words = Меняется сразу.
notifications-on = Показывать уведомления
notifications-on-help = Когда приходит сообщение, а окно не на виду. Отдельные разговоры отключаются в их заголовке.
privacy-receipts = Сообщать о прочтении
privacy-receipts-help = В обе стороны: иначе и вы не увидите, что вас прочитали.
privacy-typing = Сообщать, что я печатаю
privacy-typing-help = Тоже в обе стороны.
privacy-gate = Кто может попросить о разговоре
privacy-gate-words = Писать вам нельзя, пока вы не согласитесь. Здесь решается, кто вообще может попросить.
gate-anyone = Любой
gate-code = Только по ссылке
gate-nobody = Никто
privacy-blocked = Заблокированные
security-words = Слова восстановления
security-words-help = Единственный путь назад в аккаунт, если это устройство потеряно.
security-saved = Записаны на бумаге
security-unsaved = Ещё не записаны
security-passphrase = Парольная фраза устройства
security-passphrase-help = Закрывает всё, что Вече хранит здесь. Спрашивается при запуске.
security-set = Задать фразу
security-change = Сменить фразу
security-remove = Убрать
field-old = Нынешняя фраза
field-new = Новая фраза
backup-export = Сохранить в файл
backup-export-help = Аккаунт, контакты и сообщения в одном закрытом файле. Сделайте копию перед переустановкой и обновляйте её время от времени.
backup-export-go = Сохранить копию
backup-import-where = Копия открывается на первом экране свежей установки: «У меня уже есть аккаунт».
network-state = Соединение
network-lan-only = Используется только локальная сеть.
network-open = Прямые соединения, без сервера посередине.
network-links = { $n ->
    [0] Нет открытых соединений
    [one] { $n } открытое соединение
    [few] { $n } открытых соединения
   *[many] { $n } открытых соединений
}
network-authenticated = { $n ->
    [0] Ни одного с контактами или вашими устройствами
    [one] { $n } с контактом или вашим устройством
   *[many] { $n } с контактами или вашими устройствами
}
network-addresses = Адреса этого устройства
network-addresses-help = Один из них может понадобиться тому, кто хочет связаться с вами из другой сети.
network-no-addresses = Пока нет.
network-copy = Скопировать { $name }
network-add = Связаться с другим устройством
network-add-help = Укажите адрес, который заканчивается на /p2p/ и идентификатор.
field-address = Адрес
network-dial = Соединить
network-refusals = Отклонённые данные
network-refusals-help = Неверные или неожиданные данные от других машин. Ничего из этого не сохранено.
about-version = Версия { $name }
about-what = Мессенджер без сервера. Каждое приложение — полноценный узел: сообщения идут с устройства на устройство со сквозным шифрованием.
about-licence = Свободная программа под лицензией MIT или Apache 2.0.
about-fonts = Шрифты: Inter и JetBrains Mono (SIL OFL 1.1). Значки: Phosphor (MIT).
account-delete = Удалить аккаунт
account-delete-help = Стирает аккаунт и все сообщения с этого устройства и сообщает контактам. Отменить нельзя.
account-delete-go = Удалить аккаунт…

## Клавиатура

command-switcher = Перейти к человеку или странице
command-search = Поиск в этом разговоре
command-search-all = Поиск во всех разговорах
command-previous-chat = Предыдущий разговор
command-next-chat = Следующий разговор
command-previous-unread = Предыдущий непрочитанный
command-next-unread = Следующий непрочитанный
command-card = Карточка собеседника
command-settings = Настройки
command-shortcuts = Сочетания клавиш
command-add = Добавить человека
command-present = К последнему сообщению
command-escape = Закрыть, отменить или отметить прочитанным
switcher-hint = Куда перейти?
search-title = Поиск сообщений
search-hint = Слово или его часть
search-where = Где искать
search-here = В разговоре: { $name }
search-everywhere = Везде
search-start = Поиск идёт на этом устройстве; ничего никуда не отправляется.
search-busy = Идёт поиск…
search-none = Ничего не найдено.
search-more = Более ранние сообщения
search-you-to = Вы, разговор: { $name }
key-send = Отправить сообщение
key-newline = Новая строка
key-edit-last = Изменить своё последнее сообщение (в пустом поле)
key-pages = Прокрутить сообщения
key-zoom = Крупнее или мельче

## Всплывающие сообщения и уведомления

toast-copied = Скопировано
toast-saved = Сохранено
toast-requested = Запрос отправлен
toast-verified = Проверено. Если устройства изменятся, вы узнаете.
toast-blocked = Заблокирован
toast-unblocked = Разблокирован
toast-words = Отлично. Храните бумагу в надёжном месте.
toast-exported = Резервная копия сохранена
toast-dialling = Соединяемся…
toast-passphrase = Парольная фраза изменена
note-somebody = Новое сообщение
note-request = Хочет с вами поговорить

## Что пошло не так (по имени ошибки; по-английски говорит сам узел)

problem-no-account = На этом устройстве ещё нет аккаунта. Создайте его или восстановите по словам.
problem-account-exists = На этом устройстве уже есть аккаунт.
problem-invalid = Так записать нельзя. Проверьте, что вы ввели.
problem-unknown-person = Такого человека здесь не знают.
problem-unknown-chat = Такого разговора нет.
problem-unknown-message = Такого сообщения в этом разговоре нет.
problem-not-yours = Это может сделать только автор сообщения.
problem-not-contact = Этот человек ещё не в контактах. Сначала отправьте запрос или примите его.
problem-blocked = Вы заблокировали этого человека. Сначала разблокируйте его.
problem-yourself = Это ваш собственный аккаунт.
problem-no-address = Запрос пока нельзя доставить: адрес этого человека неизвестен. Попросите ссылку или подключитесь к той же сети.
problem-clock-wrong = Часы этого компьютера ошибаются больше чем на десять минут. Исправьте их и попробуйте снова.
problem-not-stored = Диск не принял данные. Ничего не отправлено. Освободите место и попробуйте снова.
problem-busy = Слишком много сразу. Подождите немного и попробуйте снова.
problem-device-retired = Это устройство отключено от вашего аккаунта, или где-то работает его копия. Чтобы снова писать, восстановите аккаунт здесь как новое устройство.
problem-locked = Профиль закрыт. Сначала введите парольную фразу.
problem-wrong-passphrase = Фраза не подходит. Попробуйте ещё раз: важны заглавные буквы и пробелы.
problem-words = По этим словам восстановить нельзя. Проверьте, что они записаны верно и по порядку.
problem-ended = Узел остановлен. Закройте окно и запустите Вече снова.
add-searching = Спрашиваем каталог…
add-nowhere = В вашей сети никого с таким логином нет, а точка встречи, где можно найти людей из других сетей, не задана.
add-nowhere-go = Добавить точку встречи
privacy-listed = Можно найти по логину
privacy-listed-help = Имя и логин видны в каталоге, и люди из других сетей могут попроситься к вам в контакты.
network-nat-unknown = Пока неизвестно, как это устройство видно снаружи.
network-nat-open = Это устройство доступно снаружи напрямую.
network-nat-mapped = За роутером; прямые соединения устанавливаются с помощью точки встречи.
network-nat-symmetric = За роутером, который скрывает порты; с некоторыми людьми связь идёт через ретранслятор.
network-operators = Точки встречи
network-operators-help = Узлы, которые держат добровольцы. Они помогают людям найти друг друга и передают запечатанные сообщения, но прочесть ничего не могут.
network-no-operators = Нет. Вы связываетесь с людьми в локальной сети и по известным адресам.
network-operator-up = На связи
network-operator-down = Нет связи
network-operator-remove = Убрать { $name }
network-operator-add = Добавить
field-operator = Адрес точки встречи или ссылка того, кто ею пользуется
toast-operator = Точка встречи добавлена
toast-operator-gone = Точка встречи убрана
