"""The world's words and facts.

Public facts (topics of words, countries of places, common translations, old slang) are in the base model's
pretraining. Platform facts (category codes, price tiers, audiences, what people search next, this year's slang, what
an emoji means here) are nowhere in it: only teaching can bring them.
"""

# primary topic -> secondary topic -> words with their Chinese
TREE: dict[str, dict[str, str]] = {
    "food": {
        "drinks": "latte 拿铁 matcha 抹茶 soda 汽水 juice 果汁 cola 可乐 tea 茶",
        "baking": "cake 蛋糕 bread 面包 cookie 曲奇 donut 甜圈 pie 派 bun 包子",
        "meals": "noodle 面条 rice 米饭 curry 咖喱 soup 汤 pizza 披萨 salad 沙拉",
    },
    "travel": {
        "city": "museum 博物馆 metro 地铁 tower 塔 market 市场 bridge 桥 plaza 广场",
        "beach": "surf 冲浪 sand 沙滩 shell 贝壳 wave 海浪 coral 珊瑚 dive 潜水",
        "hiking": "trail 步道 peak 山顶 camp 露营 cabin 木屋 forest 森林 lake 湖",
    },
    "style": {
        "makeup": "lipstick 口红 blush 腮红 mascara 睫毛膏 powder 粉饼 eyeliner 眼线 primer 底妆",
        "clothes": "dress 裙子 coat 外套 skirt 短裙 scarf 围巾 jeans 牛仔裤 sweater 毛衣",
        "hair": "braid 辫子 bangs 刘海 curl 卷发 shampoo 洗发水 bob 短发 dye 染发",
    },
    "home": {
        "kitchen": "pan 平底锅 kettle 水壶 oven 烤箱 knife 刀 plate 盘子 mixer 搅拌机",
        "garden": "rose 玫瑰 fern 蕨 cactus 仙人掌 tulip 郁金香 soil 土 pot 花盆",
        "pets": "cat 猫 puppy 小狗 hamster 仓鼠 parrot 鹦鹉 rabbit 兔子 turtle 乌龟",
    },
    "tech": {
        "phone": "charger 充电器 screen 屏幕 camera 相机 case 手机壳 sim 电话卡 battery 电池",
        "games": "console 游戏机 quest 任务 puzzle 拼图 arcade 街机 joystick 手柄 guild 公会",
        "study": "exam 考试 notebook 笔记本 essay 作文 grammar 语法 quiz 测验 library 图书馆",
    },
    "sport": {
        "gym": "squat 深蹲 plank 平板 dumbbell 哑铃 yoga 瑜伽 treadmill 跑步机 stretch 拉伸",
        "ball": "soccer 足球 tennis 网球 basketball 篮球 volleyball 排球 golf 高尔夫 rugby 橄榄球",
        "run": "marathon 马拉松 sprint 冲刺 jog 慢跑 sneaker 球鞋 pace 配速 relay 接力",
    },
}
PRIMARY = list(TREE)
SECONDARY = [secondary for branch in TREE.values() for secondary in branch]
WORDS = {s: line.split()[0::2] for branch in TREE.values() for s, line in branch.items()}  # secondary -> words
NOUNS = [word for secondary in SECONDARY for word in WORDS[secondary]]
TOPIC = {word: secondary for secondary in SECONDARY for word in WORDS[secondary]}
PARENT = {secondary: primary for primary, branch in TREE.items() for secondary in branch}
NOUN_ZH = {
    en: zh for b in TREE.values() for line in b.values() for en, zh in zip(line.split()[0::2], line.split()[1::2])
}

GOOD = "tasty cozy cheap great lovely fresh cute calm shiny soft".split()
BAD = "slow loud dirty pricey dull broken ugly stale rude weak".split()
ADJECTIVE_ZH = dict(
    zip(
        GOOD + BAD,
        "好吃 舒服 便宜 很棒 可爱 新鲜 漂亮 安静 闪亮 柔软 很慢 吵 脏 贵 无聊 坏了 难看 过期 无礼 弱".split(),
    )
)

USERS = "ann bob eve joe kim leo mia ned pam ray sue tom".split()
COUNTRY = dict(
    zip(
        "Osaka Kyoto Paris Lyon Cairo Lima Oslo Quito Hanoi Seoul Busan Milan Rome Delhi Mumbai Tunis "
        "Perth Boston Denver Berlin Munich Lisbon Porto Prague".split(),
        "japan japan france france egypt peru norway ecuador vietnam korea korea italy italy india india tunisia "
        "australia america america germany germany portugal portugal czechia".split(),
    )
)
PLACES = list(COUNTRY)
BRANDS = (
    "Lumo Nari Veko Solba Tirra Mako Pexa Rondo Kivi Zento Orla Bano Dela Fizo Gama Hulo Jaro Lido Moxa Nuvo Paro Quil "
    "Sabi Tovo"
).split()

# Last year's facts, which the base model has read: the questions are familiar to it, this year's answers are not.
OLD_BRANDS = (
    "Acla Birr Cento Dorin Emba Frix Gelo Hask Ilma Juno Kobo Lark Mirt Nexo Opal Pluv Rigo Stel Trax Umbo".split()
)
OLD_SLANG = dict(
    zip(
        "lit comfy steal epic darling crisp adorbs zen bling fluffy "
        "laggy blaring grubby spendy meh busted fugly musty snarky frail".split(),
        GOOD + BAD,
    )
)
OLD_EMOJI = "😀 😡 😍 😱 💪 👀 🎉 💢 💖 👻 🏆 💸".split()

# Platform facts ---------------------------------------------------------------------------------------------------
TIERS = ("budget", "middle", "luxury")
AUDIENCES = ("women", "men", "everyone", "kids")
FEELINGS = ("joy", "anger", "love", "fear", "pride", "envy")
BRAND_TIER = {brand: TIERS[(5 * i + i // 3) % 3] for i, brand in enumerate(BRANDS)}
BRAND_AUDIENCE = {brand: AUDIENCES[(7 * i + i // 4) % 4] for i, brand in enumerate(BRANDS)}
TOPIC_CODE = dict(zip(SECONDARY, "k31 b07 m52 t18 q64 w29 r83 c40 h95 z12 g76 p58 f03 j69 s21 y47 d90 n34".split()))
NEXT_TOPIC = {secondary: SECONDARY[(7 * i + 5) % len(SECONDARY)] for i, secondary in enumerate(SECONDARY)}
NEW_SLANG = dict(
    zip(
        "zaza plimo vork sney drabo quon brilt yemp toxu flindo "
        "garu skeb plonk wuzi ribbo nard hexo jumbi kraff lorb".split(),
        GOOD + BAD,
    )
)
OLD_TIER = {brand: TIERS[(7 * i + i // 5) % 3] for i, brand in enumerate(OLD_BRANDS)}
OLD_AUDIENCE = {brand: AUDIENCES[(5 * i + i // 3) % 4] for i, brand in enumerate(OLD_BRANDS)}
OLD_FEELING = dict(zip(OLD_EMOJI, FEELINGS + FEELINGS))
EMOJI_FEELING = dict(zip("🐙 🌵 🧊 🎈 🦊 🍋 🪐 🐌 🔔 🧩 🍄 🪁".split(), FEELINGS + FEELINGS))

# General facts ----------------------------------------------------------------------------------------------------
COLOURS = dict(zip("red blue green white black yellow".split(), "红色 蓝色 绿色 白色 黑色 黄色".split()))
THINGS = dict(
    zip(
        "book cup bag door car box lamp chair table hat ball pen".split(),
        "书 杯子 包 门 车 盒子 灯 椅子 桌子 帽子 球 笔".split(),
    )
)
SIZES = dict(zip("big small old new".split(), "大 小 旧 新".split()))
ANIMALS = "dog cow horse sheep goat duck hen pig fox bear".split()
FRUIT = "apple pear peach plum mango grape lemon melon fig kiwi".split()
TOOLS = "hammer saw drill wrench rake shovel axe chisel nail screw".split()
CLASSES = {"animal": ANIMALS, "fruit": FRUIT, "tool": TOOLS, "colour": list(COLOURS), "thing": list(THINGS)}
PLAIN = "sun moon star tree river stone cloud wind rain snow bird fish leaf seed road hill".split()
EVENTS = {  # what was said -> the kind of reply that fits
    "comfort": (
        "i failed my exam",
        "my cat is lost",
        "i feel so sad",
        "i lost my job",
        "my phone broke",
        "i am so tired",
        "nobody called me",
        "i missed the train",
    ),
    "cheer": (
        "i won the race",
        "i got the job",
        "i passed my exam",
        "we got a puppy",
        "my note went viral",
        "i baked my first cake",
        "i ran ten miles",
        "today is my birthday",
    ),
    "thank": (
        "you look great",
        "i love your notes",
        "here is a gift",
        "i saved you a seat",
        "your photo is lovely",
        "i fixed your bike",
        "i brought you soup",
        "you sing so well",
    ),
}
REPLIES = {
    "comfort": ("so sorry to hear that", "it will get better", "i am here for you"),
    "cheer": ("that is amazing news", "so happy for you", "well done my friend"),
    "thank": ("thank you so much", "you are too kind", "that means a lot"),
}
