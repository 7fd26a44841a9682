"""Words that `faithful` knows: names with their other spellings, everyday English, opposites. Data only, made by hand.

Nothing here has to be complete. A record brings its own names in `fields["names"]`.
"""

import re

# One name a piece, its other spellings after "|". Longer spellings win, so that 大理石 is no 大理.
NAMES = tuple(
    """
Japan|Japanese|日本; Tokyo|东京|東京; Osaka|大阪; Kyoto|京都; Nara|奈良; Kobe|神户|神戸; Nagoya|名古屋
Hokkaido|北海道; Sapporo|札幌; Okinawa|冲绳|沖縄; Fukuoka|福冈|福岡; Yokohama|横滨|横浜; Hiroshima|广岛|広島
Kamakura|镰仓|鎌倉; Hakone|箱根; Kansai|关西|関西; Kanto|关东|関東; Kyushu|九州; Nikko|日光市; Kanazawa|金泽|金沢
Mount Fuji|Mt Fuji|Fuji|富士山; Shinjuku|新宿; Shibuya|涩谷|渋谷; Ginza|银座|銀座; Asakusa|浅草; Ueno|上野
Akihabara|秋叶原|秋葉原; Namba|难波|難波; Umeda|梅田; Dotonbori|道顿堀|道頓堀; Arashiyama|岚山|嵐山; Gion|祇园|祇園
Uji|宇治; Korea|Korean|韩国; Seoul|首尔; Busan|釜山; Jeju|济州岛|济州; Myeongdong|明洞; Thailand|Thai|泰国
Bangkok|曼谷; Chiang Mai|清迈; Phuket|普吉岛|普吉; Vietnam|Vietnamese|越南; Hanoi|河内; Saigon|西贡; Singapore|新加坡
Malaysia|马来西亚; Kuala Lumpur|吉隆坡; Penang|槟城; Bali|巴厘岛; Indonesia|印尼|印度尼西亚; Jakarta|雅加达
Philippines|菲律宾; Manila|马尼拉; Cebu|宿务; Cambodia|柬埔寨; Maldives|马尔代夫; India|Indian|印度; Delhi|德里
Mumbai|孟买; Nepal|尼泊尔; Dubai|迪拜; Turkey|Turkish|Türkiye|土耳其; Istanbul|伊斯坦布尔; Egypt|Egyptian|埃及
Cairo|开罗; Morocco|摩洛哥; Kenya|肯尼亚; South Africa|南非; Australia|Australian|澳大利亚|澳洲; Sydney|悉尼
Melbourne|墨尔本; New Zealand|新西兰; Auckland|奥克兰; Canada|Canadian|加拿大; Toronto|多伦多; Vancouver|温哥华
Montreal|蒙特利尔; America|American|USA|United States|美国; New York|NYC|纽约; Los Angeles|洛杉矶
San Francisco|旧金山; Chicago|芝加哥; Boston|波士顿; Seattle|西雅图; Las Vegas|拉斯维加斯; Hawaii|夏威夷; Miami|迈阿密
Washington|华盛顿; Mexico|Mexican|墨西哥; Brazil|Brazilian|巴西; Peru|秘鲁; Lima|利马; Argentina|阿根廷; Chile|智利
Europe|European|欧洲; Asia|Asian|亚洲; Africa|African|非洲; England|English|英格兰
Britain|British|UK|United Kingdom|英国; London|伦敦; Edinburgh|爱丁堡; Manchester|曼彻斯特; Oxford|牛津
Cambridge|剑桥; Scotland|苏格兰; Ireland|Irish|爱尔兰; Dublin|都柏林; France|French|法国; Paris|巴黎; Lyon|里昂
Marseille|马赛; Italy|Italian|意大利; Rome|Roman|罗马; Milan|米兰; Venice|威尼斯; Florence|佛罗伦萨; Naples|那不勒斯
Sicily|西西里; Spain|Spanish|西班牙; Madrid|马德里; Barcelona|巴塞罗那; Seville|塞维利亚; Portugal|Portuguese|葡萄牙
Lisbon|里斯本; Porto|波尔图; Germany|German|德国; Berlin|柏林; Munich|慕尼黑; Hamburg|汉堡市; Frankfurt|法兰克福
Switzerland|Swiss|瑞士; Zurich|苏黎世; Geneva|日内瓦; Austria|Austrian|奥地利; Vienna|维也纳; Netherlands|Dutch|荷兰
Amsterdam|阿姆斯特丹; Belgium|比利时; Brussels|布鲁塞尔; Denmark|Danish|丹麦; Copenhagen|哥本哈根; Sweden|Swedish|瑞典
Stockholm|斯德哥尔摩; Norway|Norwegian|挪威; Oslo|奥斯陆; Finland|Finnish|芬兰; Helsinki|赫尔辛基; Iceland|冰岛
Greece|Greek|希腊; Athens|雅典; Santorini|圣托里尼; Prague|布拉格; Budapest|布达佩斯; Poland|Polish|波兰; Warsaw|华沙
Russia|Russian|俄罗斯; Moscow|莫斯科; Croatia|克罗地亚; China|Chinese|中国; Beijing|北京; Shanghai|上海
Guangzhou|广州; Shenzhen|深圳; Chengdu|成都; Chongqing|重庆; Hangzhou|杭州; Suzhou|苏州; Nanjing|南京; Xi'an|Xian|西安
Wuhan|武汉; Changsha|长沙; Xiamen|厦门; Qingdao|青岛; Dalian|大连; Tianjin|天津; Kunming|昆明; Dali|大理; Lijiang|丽江
Guilin|桂林; Yangshuo|阳朔; Sanya|三亚; Harbin|哈尔滨; Shenyang|沈阳; Ningbo|宁波; Wuxi|无锡; Fuzhou|福州
Quanzhou|泉州; Zhuhai|珠海; Foshan|佛山; Dongguan|东莞; Zhengzhou|郑州; Luoyang|洛阳; Jinan|济南; Hefei|合肥
Guiyang|贵阳; Nanning|南宁; Lanzhou|兰州; Dunhuang|敦煌; Lhasa|拉萨; Tibet|西藏; Xinjiang|新疆; Yunnan|云南
Sichuan|四川; Hainan|海南; Guangdong|广东; Guangxi|广西; Guizhou|贵州; Hunan|湖南; Hubei|湖北; Zhejiang|浙江
Jiangsu|江苏; Fujian|福建; Shandong|山东; Shaanxi|陕西; Inner Mongolia|内蒙古; Jingdezhen|景德镇; Hong Kong|香港
Macau|Macao|澳门; Taiwan|台湾; Taipei|台北; Kaohsiung|高雄; Jiufen|九份; West Lake|西湖; Jiuzhaigou|九寨沟
Huangshan|黄山; Sanlitun|三里屯; Wudaokou|五道口; Qiandao Lake|千岛湖; Pudong|浦东; Mount Tai|泰山; the Bund|外滩
Forbidden City|故宫; Great Wall|长城; Eiffel Tower|埃菲尔铁塔|铁塔; Louvre|卢浮宫; Disneyland|Disney|迪士尼
Universal Studios|USJ|环球影城; Starbucks|星巴克; Luckin|瑞幸; McDonald's|McDonalds|麦当劳; KFC|肯德基
Haidilao|海底捞; HEYTEA|喜茶; Nayuki|奈雪; Uniqlo|优衣库; Muji|无印良品; IKEA|宜家; Huawei|华为; Xiaomi|小米手机
Samsung|三星; Sony|索尼; Canon|佳能; Nikon|尼康; Fujifilm|富士相机; Nintendo|任天堂; Dyson|戴森; Nike|耐克
Adidas|阿迪达斯; Lululemon|露露乐蒙; Tesla|特斯拉; BYD|比亚迪; Toyota|丰田; Honda|本田; BMW|宝马; Chanel|香奈儿
Dior|迪奥; Gucci|古驰; Hermès|爱马仕; Lancôme|兰蔻; Estée Lauder|雅诗兰黛; Shiseido|资生堂; L'Oréal|欧莱雅
Costco|开市客; Walmart|沃尔玛; Lego|乐高; Lawson|罗森; 7-Eleven|Seven-Eleven; FamilyMart|全家便利店; WeChat|微信
Alipay|支付宝; Taobao|淘宝; Xiaohongshu|RedNote|小红书; Douyin|抖音; Weibo|微博; Bilibili|哔哩哔哩; Meituan|美团
Dianping|大众点评; Ctrip|携程; Airbnb|爱彼迎; Netflix|奈飞; Google|谷歌; Spotify; Instagram; YouTube; Zara
Sephora|丝芙兰
""".replace("\n", "; ")
    .strip("; ")
    .split("; ")
)
# Chinese words that look as if one of the names, a number with its measure word or a negation stood in them.
NO_NAME = "大理石 关东煮 今日本 长沙发 变成都 完成都 做成都 换成都 日光浴 金泽园 三星级 九州岛".split()

_STARTERS = """
a about above across after again against all almost along already also although always am amid among an and another any
anybody anyone anything are around as ask at away back be because become been before began behind being below beneath
beside best better between beyond book both bring but buy by call can cannot catch check choose click collect come
compare consider could cut dear despite did do does don down drink drop during each eat either else enjoy enough even
ever every everybody everyone everything expect explore far feel few fill find first five follow for forget four from
full get give go goodbye got grab great had half has have having he head hello help hence her here hers herself hey hi
him his hit hold how however hundred hurry i if imagine in inside instead into is it its itself join just keep know last
late later learn least leave less lest let like listen little live long look lots love made make many may maybe me meet
might mind mine miss more most move much must my myself near need neither never new next nine no nobody none nor not
note nothing notice now nowhere of off oh on once one only onto open or order other others ought our ours out outside
over own pack past pay per perhaps pick plan play please plus pop prefer put quite rather read ready really reach
recommend remember ride run save saw say see seem seen sell send set several shall share she should show since sit six
skip so some somebody someone something sometimes soon spend spent start stay still stop stroll such take tell ten than
thank thanks that the their theirs them themselves then there therefore these they think this those though thousand
three through throughout thus till to today together tomorrow tonight too took top toward towards tried try turn two
under unless unlike until up upon us use used usually very via visit wait walk want warning was watch way we wear well
went were what whatever when whenever where wherever whether which while who whoever whole whom whose why will win wish
with within without won wonder would wow write yes yesterday yet you your yours yourself zero i'm i've i'll i'd it's
that's there's here's let's we're we've you're they're what's who's he's she's
"""
# Words that begin a sentence without being part of a name that follows.
STARTERS = frozenset(_STARTERS.split())
# Everyday words: one capital does not make them a name.
COMMON = STARTERS | frozenset(
    """
ability able absolute accept access accident account acid across act active activity actual add address admit adult
advance advice affordable afraid afternoon age agent ago agree aid aim air aisle alarm album alert allergy allow alone
alternative amazing amount ancient angle angry animal annual answer apart apartment app apology apple apply apron area
argue arm army arrange arrive art article artist ask asleep aspect assist assume attack attempt attend attention author
authentic autumn available avenue average avoid awake award aware awesome awful baby backpack bad bag bake bakery
balance ball banana band bank bar bargain base basic basket bath bathroom battery battle bay beach bean bear beat
beautiful beauty bed bedroom beef beer begin beginner behave belief bell belong belt bench benefit beware big bike bill
bird birth birthday bit bitter black blame blanket blend block blog blood blouse blue board boat body boil bold bone
bonus boot border bored boring born boss bottle bottom bowl box boy brain brand bread break breakfast breath breeze
bridge brief bright broad broccoli brother brown brunch brush budget bug build bun burger burn bus business busy butter
button cafe café cake calm camera camp campus candy cap capital car card care career careful carry cart case cash cat
catch cause ceiling celebrate cell central centre center century cereal ceremony certain chain chair challenge chance
change channel character charge charm chat cheap cheese chef cherry chest chicken child children china chip chocolate
choice church cinema circle citizen city claim class classic clean clear clever climb clinic clock close closed closet
cloth clothes cloud club coach coast coat cocoa code coffee cold colleague college colour color comb combine comedy
comfort comfy comment common community company complain complete complex computer concert condition confident confirm
confuse congratulate connect contact contain content contest continue control convenient cook cookie cool copy corn
corner correct cosy cozy cost costume cotton couch cough country countryside couple courage course court cousin cover
crab craft crazy cream creative credit crew crime crisis crisp croissant cross crowd cruise crush cry cuisine culture
cup cure curious currency current curry curtain curve cushion custom customer cute cycle dad daily damage damp dance
danger dark date daughter day deal death debt decade decide deck decor deep deer definite degree delay delicious deliver
demand dentist deny department depend describe desert deserve design desire desk dessert destination detail develop
device diary diet different difficult dig dim dinner direct dirty discount discover dish disappoint display distance
district dive doctor dog dollar door dorm dose double doubt draft drag drama draw dream dress dried drive driver drop
drug dry duck due dull dumpling duty dust early earn earring earth east easy eco edge edit edition effect effort egg
eight elegant elevator eleven email embrace emergency emotion employ empty end energy engine english enter entire entry
environment epic equal error escape essential evening event evil exact exam example excellent except exchange excite
exclusive excuse exercise exhibit exhibition exist exit expensive experience expert explain express extra extreme eye
fabric face fact factory fail fair fairy fake fall false familiar family famous fan fancy fantasy farm fashion fast fat
father fault favourite favorite fear feature fee feedback feed fellow female fence ferry festival field fight figure
film final finally finance fine finger finish fire firm fish fit fix flame flash flat flavour flavor fleet flesh flight
float flood floor flower fluffy fly focus fog fold folk food foodie fool foot football force foreign forest fork form
formal forward found fountain fox frame free fresh fridge fried friend friendly front frozen fruit fry fun function
funny furniture future gadget gain gallery game gap garage garden garlic gas gate gather gear gem gentle genuine ghost
giant gift ginger girl glad glass global glove goal goat god gold golden good goods gorgeous grade grain grand grape
grass green grey gray grill grocery ground group grow guard guess guest guide guilty gym habit hack hair haircut hall
ham hand handbag handle handmade hang happen happy harbour harbor hard harm hat hate haul health healthy hear heart heat
heaven heavy height hell herb hero hidden high highlight hike hill hire history hobby hole holiday home honest honey
hope horror horse hospital host hostel hot hotel hotpot hour house huge human humid humour hungry hunt hurt husband ice
iced icon idea ideal ill image immediate impact important impress improve include income incredible indeed indoor
industry info inform ingredient injury inn insect insider inspire instant interest interior international internet
interview intro introduce invite iron island issue item itinerary jacket jam jar jaw jazz jeans jewel job jog joke joy
judge juice jump jungle junior keen key kick kid kill kind king kitchen knee knife knit knock knowledge label labour
lack ladder lady lake lamb lamp land lane language laptop large latte laugh laundry law layer lazy lead leaf lean
leather lecture left leg legal lemon lend length lesson letter level library lid lie life lift light lime limit line lip
liquid list litre live loan lobby local location lock logo lonely lose loss lost loud lounge lovely low luck lucky
lunch luxury machine magic magazine mail main major make-up makeup male mall man manage map mango march mark market
marry mask mass massage master match matcha mate material matter meadow meal mean measure meat media medical medicine
medium member memory men mental menu mess message metal method metro middle mild milk mini minute mirror miss mistake
mix mobile mode model modern mom moment money monk monkey month mood moon morning mother motion mountain mouse mouth
movie mud mug multi mum muscle museum mushroom music name nap narrow nation national native nature neat neck needle
neighbour neighbor nest net network news nice niche night noise noisy noodle normal north nose novel number nurse nut
object obvious ocean odd offer office official oil ok okay old olive onion online onsen opinion option orange ordinary
organic original outdoor outfit oven owner oyster pace packet page pain paint pair palace pale pan pancake panic pants
paper paradise parcel parent park parking part partner party pass passenger passport pasta pastry patch path patient
pattern peace peach peak pear pen pencil people pepper perfect perform period permit person pet phone photo phrase piano
picture pie piece pig pillow pilot pin pine pink pitfall pizza place plain plane plant plastic plate platform pleasant
plenty plot plug pocket poem point police polish pool poor pop popular pork port positive possible post pot potato pound
pour powder power practical practice praise pray prepare present press pretty prevent price pride prince print prior
private prize pro-tip problem process product profile program project promise proof proper protect proud proven provide
public pull pumpkin pure purple purpose purse push puzzle quality quarter queen question queue quick quiet quit quote
race rail railway rain rainbow raise ramen range rank rare rate raw ray reach real reason receipt receive recent recipe
record recover red reduce refer reflect refresh refund refuse region regret regular relax release rely remain remind
remote remove rent repair repeat replace reply report rescue research reservation reserve resort resource respect rest
restaurant result retail return reveal review reward rice rich right ring rise risk river road roast rock role roll roof
room root rope rose rough round route routine row royal rub rubber rude ruin rule rush sad safe safety sail sake salad
salary sale salmon salon salt same sample sand sandwich sauce sausage savings savoury scale scarf scene scent schedule
scheme school science scissors score screen script sea seafood search season seat second secret section secure seek
seldom select self senior sense sensitive separate series serious serve service session seven shade shadow shake shame
shape shark sharp sheet shelf shell shift shine ship shirt shock shoe shoot shop shore short shot shoulder shout shower
shrimp shut shy sick side sight sign signature silence silent silk silly silver simple sing single sink sister size
skill skin skincare skirt sky sleep slice slide slim slip slow small smart smell smile smoke smooth snack snow soap
social society sock sofa soft soil solar solid solo solution solve song sort soul sound soup source south souvenir space
spare special speed spice spicy spirit split spoil spoon sport spot spray spread spring square stable staff stage stair
stall stamp stand standard star state station steak steam steel step stick sticky stir stock stomach stone storage store
storm story straight strange straw stream street stress stretch strict strong student studio study stuff stunning style
subject subway success sudden suffer sugar suggest suit suitcase summer sun sunny sunset sunrise sunscreen super supper
supply support sure surface surprise survive sushi swap sweater sweet swim switch symbol system table tail talent talk
tall tank tap target task taste tasty taxi tea teach team tear tech teeth temple temporary tent term terrible test text
theatre theater thick thin thing third thirsty throat throw thumb ticket tide tidy tie tight time tiny tip tired toast
toe tofu toilet tomato tone tool tooth total touch tough tour tourist towel tower town toy track trade tradition
traditional traffic trail train transfer transport trap trash travel traveller traveler treasure treat tree trend trial
trick trim trip tropical trouble truck true trust truth tube tune twice twin type ugly ultimate umbrella uncle
underground understand underrated unfortunate uniform unique unit universe university update upper upset urban urgent
usual vacation valley value van vanilla variety vast vegan vegetable vegetarian vehicle venue version vibe vibes video
view village vintage virtual visa visitor vital vlog voice vote waist waiter wake wall wallet war wardrobe warm wash
waste water wave weak wealth weather wedding week weekend weight weird welcome west wet wheel white wide wife wild wind
window wine wing winter wise woman women wonderful wood wool word work workout world worry worse worst worth wrap wrist
wrong yard year yellow yoga yogurt young youth yummy zone zoo
ad am app asap atm bbq bff btw ceo cp diy dm emo faq fyi gps hd id imo ins it ktv lol nb omg ootd ok pdf plog pm pr ps
psa pt spa tips tmi tv url usd vip vs vlog wifi wi fi xs xl yyds citywalk hhh max-out spf uv rmb cny jpy eur gbp km kg
ate beat began bit bought broke broken brought built came caught chose drank drew driven drove eaten fell felt flew
forgot fought gave given gone got grew held hid hung knew known lent lost meant met paid quit ran rang rode sang sat
sent sewed shown slept sold spoke spoken stood stuck swam taken taught thought threw told understood woke wore worn
written wrote
english celsius fahrenheit turkey mr mrs ms dr st mt monday tuesday wednesday thursday friday saturday
sunday january february april june july august september october november december
""".split()
)
# Words that open or close nothing: skipped when the word that a negation speaks of is looked for.
HOLLOW = frozenset(
    """
a about accept accepted allow allowed allows also always am an and any anyone anything are as at available be because
been being bother by can come could did do does doing each even ever every feel for from gave get go going got had has
have having he her here him his i i'm if in included includes is it it's its just keep let like made make me might
must my necessary need needed of offer offered offers on once one only or our people permit permitted possible provide
provided provides quite really require required requires serve serves so some take than that that's the their them
then there there's these they this those to too use used using very want wants was we were what when where which who
will with would yet you your
""".split()
)

# Opposites: a negated word of one side is one of the other. Where they are so sharp that none may become its opposite,
# "=" stands between.
OPPOSITES = tuple(
    (frozenset(one.split()), frozenset(other.split()), sharp == "=")
    for one, sharp, other in (
        re.split("([/=])", line)
        for line in """
expensive pricey costly dear overpriced=cheap affordable inexpensive budget cheaper
far distant/near nearby close
open opens opened opening/closed closes shut closing closure
crowded busy packed/quiet empty uncrowded calm
noisy loud=quiet calm silent peaceful
hard difficult tricky tough challenging/easy simple effortless beginner-friendly
good great/bad terrible awful poor
trouble difficulty problem problems issue issues/easy easily smooth smoothly
like love loved enjoy/hate dislike disliked hated
safe=dangerous unsafe risky
allowed permitted=banned forbidden prohibited
free/paid
clean=dirty filthy
fresh/stale
hot=iced
warm/cold chilled cool
best=worst
before/after
north=south
east=west
buy bought/sell sold
win won=lose lost
increase increased rise rose=decrease decreased fall fell drop dropped
big large huge/small tiny
spicy/mild
happy=unhappy sad
healthy=unhealthy
comfortable comfy/uncomfortable
possible/impossible
sweet sweetened/unsweetened
remember remembered/forget forgot
贵=便宜 平价 实惠 划算
远/近
难/简单 容易 轻松
辣/清淡 微甜
吵/安静
人多 拥挤 挤/人少 清静 冷清
好吃 美味=难吃
好喝=难喝
好看 漂亮=难看
开门 营业 开放=关门 歇业 闭馆 休息 打烊 关闭
免费=收费 付费 花钱 要钱 钱
安全=危险
允许=禁止
推荐/避雷 劝退
喜欢=讨厌
干净=脏
新鲜/变质
热/冰 冷
左/右
最好=最差
之前/之后
买/卖
上涨=下跌 下降
甜/无糖 苦
厚/薄
破损 损坏/完好 完整
差 糟/好 棒 不错
高/低 便宜
快/慢
累/轻松
咸/清淡
油腻 腻/清爽
""".strip().splitlines()
    )
)
