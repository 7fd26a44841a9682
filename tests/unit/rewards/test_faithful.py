"""The faithfulness reward on hand-made rewrites; names of people and small shops are made up."""

import time

import pytest

from redone.records import Record, Task
from redone.rewards.faithful import faithful
from redone.thinking import split_thinking


def note(text, **fields):
    fields = {"text": text, **fields}
    return Record("note/eval/0", "note", ({"role": "user", "content": "?"},), "x", "eval", "world", fields=fields)


# (source, a rewrite that keeps every fact and adds none)
FAITHFUL_ENGLISH = [
    (
        "My grandmother's soup needs 2 carrots, an onion and 500 ml of water; it simmers for three hours.",
        "Grandma's soup: two carrots, one onion, half a litre of water, 3 hours of simmering.",
    ),
    ("Heathrow's Terminal 5 was empty at 6 am.", "At 6 in the morning, Terminal 5 at Heathrow was empty."),
    (
        "This Zara coat is 100% wool and I got it for 70% off.",
        "I got this all-wool Zara coat, 100% wool, with a 70% discount.",
    ),
    (
        "Adopted our dog Biscuit in April 2021. He weighs 12 kilos.",
        "Biscuit, our 12 kg dog, was adopted in April of 2021.",
    ),
    ("Not a single seat was free at Cafe Lumiere.", "Cafe Lumiere had no free seats."),
    ("I couldn't find any vegan options on the menu.", "There were no vegan options on the menu."),
    ("Despite the rain, Notting Hill was beautiful.", "Notting Hill was beautiful even in the rain."),
    ("They deliver within 48 hours.", "Delivery takes two days at most."),
    ("The concert on Saturday sold out in ten minutes.", "Saturday's concert was sold out within 10 minutes."),
    ("The phone has a 6.7-inch screen and 5,000 mAh battery.", "A 5000mAh battery and a 17 cm (6.7 inch) screen."),
    (
        "Ben and Chloe opened a taco stand near Venice Beach.",
        "A taco stand near Venice Beach was opened by Chloe and Ben.",
    ),
    ("The dress runs small, so size up.", "Size up because the dress runs small."),
    ("Breakfast is not included.", "Breakfast costs extra."),
    ("I never sleep before midnight.", "I don't go to sleep before 12 am."),
    ("Kids under 6 enter free; adults pay €12.", "Adults pay 12 euros, children below six get in free."),
    ("I bought it on Amazon.", "Bought on amazon!"),
    ("Our flight with ANA was delayed by 3 hours.", "ANA delayed our flight three hours."),
    ("Mix equal parts honey and lemon; no sugar needed.", "Honey and lemon in equal parts, without any sugar."),
    (
        "Take bus 205 from Kyoto Station; it's about 40 minutes.",
        "From Kyoto Station, bus 205 takes around forty minutes.",
    ),
    (
        "The restaurant doesn't serve alcohol, and it's cash only.",
        "No alcohol at the restaurant, and only cash is accepted.",
    ),
    ("I'm 32 and I have never learned to swim.", "Never learned swimming, and I'm thirty-two."),
    ("It rained three of the five days we were in Bergen.", "Of our 5 days in Bergen, 3 were rainy."),
    (
        "There's no elevator, so you carry your bags up four floors.",
        "You carry your bags up 4 floors because there is no elevator.",
    ),
    ("Luigi's has the best carbonara in Rome, hands down.", "Hands down the best carbonara in Rome: Luigi's."),
    ("Bake for 1 1/2 hours at 350 °F.", "Bake for 90 minutes at 177 °C."),
    ("80% of readers liked it.", "Four in five readers liked it."),
    ("You can't go wrong with the tiramisu.", "The tiramisu is a safe bet."),
    ("The shop isn't open on Sundays.", "Closed Sundays."),
    ("We ran 10 km along the river on Sunday.", "On Sunday we ran about 6.2 miles along the river."),
    ("The hotel is not expensive, and breakfast is free.", "The hotel is cheap, with free breakfast."),
    ("Maria said the shop never closes.", "According to Maria, the shop is always open."),
    ("No parking on site, but the bus stops outside.", "The bus stops outside; there isn't any parking on site."),
    ("I don't recommend the hot pot; the dumplings are great.", "The dumplings are great, but skip the hot pot."),
    ("What to eat in Kyoto in three days", "3 Days In Kyoto: The Best Food Guide"),
    ("Bring cash, they don't take cards.", "Cash only."),
    ("Open daily 10:00-18:00 except Mondays.", "Open every day from 10 am to 6 pm, closed on Mondays."),
    (
        "Add 200 g of flour and 3 eggs, then bake at 180°C for 25 minutes.",
        "Mix three eggs with 200 grams of flour and bake for 25 min at 180 degrees Celsius.",
    ),
    (
        "My daughter, 17, loves her new Fujifilm X100V.",
        "My seventeen-year-old daughter loves the Fujifilm X100V she just got.",
    ),
    ("Parking costs 5 dollars.", "You pay $5 to park."),
    ("Never order the sushi after 9pm.", "After 9 pm, don't order sushi."),
    ("The second floor is quiet; the third floor is not.", "It's quiet on the 2nd floor, but not on the 3rd."),
    ("The cafe doesn't allow laptops.", "Laptops are not allowed in the cafe."),
    ("We booked via Airbnb and checked in at 3 pm.", "Check-in for our Airbnb was at 15:00."),
    ("The train leaves at half past eight.", "The train departs at 8:30."),
    ("The beach isn't far from the hotel.", "The beach is close to the hotel."),
    ("I waited 90 minutes.", "I waited an hour and a half."),
    ("The jacket comes in 3 colours and is waterproof.", "The waterproof jacket is available in three colours."),
    ("You don't need a visa for Japan.", "Japan is visa-free."),
    (
        "Our landlord, Mr. Peters, raised the rent by 5% in January.",
        "In January, Mr. Peters, our landlord, put the rent up five percent.",
    ),
    ("The marathon is 42.195 km, i.e. 26.2 miles.", "A marathon: 42.195 kilometres (26.2 mi)."),
    ("Water the cactus every 3 weeks.", "The cactus needs water once every three weeks."),
    ("Neither the gym nor the pool was open.", "The gym and the pool were both closed."),
    ("Hidden gem alert: Cafe Mori in Daikanyama", "Cafe Mori, a hidden gem in Daikanyama"),
    ("so happy with my new kindle, 300 bucks well spent", "$300 well spent: I'm so happy with the new Kindle."),
    (
        (
            "Finally tried Komorebi Coffee in Shimokitazawa after seeing it everywhere. The drip coffee is 650 yen "
            "and honestly not that special, but the banana cake (480 yen) is unreal. There are only 8 seats and no "
            "wifi, so don't come to work. Open 11:00-18:00, closed Tuesdays."
        ),
        (
            "Komorebi Coffee in Shimokitazawa: the ¥650 drip coffee isn't special, but get the ¥480 banana cake. "
            "Eight seats, no wifi, not a place to work. Hours: 11 am to 6 pm, closed on Tuesdays."
        ),
    ),
    (
        (
            "Moving to Berlin? Three things nobody tells you. First, you can't get a phone contract without "
            "registering your address. Second, shops are closed on Sundays. Third, always carry cash: plenty of "
            "places still don't take cards."
        ),
        (
            "Three things nobody tells you about moving to Berlin: a phone contract isn't possible without a "
            "registered address, shops don't open on Sundays, and many places won't take cards, so carry cash."
        ),
    ),
    (
        (
            "I switched from the Kindle Paperwhite to the Kobo Libra 2 six months ago. Battery lasts about four "
            "weeks, it weighs 215 g and it reads EPUB without conversion. My one complaint: no Audible."
        ),
        (
            "Six months after moving from a Kindle Paperwhite to a Kobo Libra 2: the battery goes for roughly 4 "
            "weeks, it's 215 grams, and EPUB needs no conversion. The only downside is that there's no Audible."
        ),
    ),
    (
        (
            "PSA: the JR Pass price rose to 50,000 yen in October 2023. For a Tokyo–Kyoto round trip (about 28,000 "
            "yen) it no longer makes sense. Buy single tickets instead."
        ),
        (
            "Since October 2023 the JR Pass costs 50,000 yen, so it doesn't make sense for a Tokyo–Kyoto round trip "
            "at about 28,000 yen; single tickets are better."
        ),
    ),
    (
        (
            "Week 6 of marathon training: 54 km in total, longest run 24 km on Saturday in 2h18. Knees fine, "
            "toenails not so much."
        ),
        (
            "In week six of training for the marathon I ran 54 km, with a 24 km long run on Saturday (2h18). My "
            "knees are fine; my toenails aren't."
        ),
    ),
]
FAITHFUL_CHINESE = [
    ("上周六和小林去了青岛，喝了4瓶啤酒，没醉。", "上周六在青岛，我和小林喝了四瓶啤酒，都没醉。"),
    ("民宿有两间房，能住6个人，离地铁站300米。", "距地铁站300米的民宿，2间房，可住六人。"),
    ("皮蛋瘦肉粥18块一碗，分量很足。", "一碗皮蛋瘦肉粥18元，量很大。"),
    ("医生说不能喝咖啡。", "医生不让喝咖啡。"),
    ("试用装只有5ml，正装50ml卖680元。", "正装50毫升680元，试用装仅5毫升。"),
    ("这部剧一点都不好看。", "这部剧很难看。"),
    ("快递三天就到了，包装没有破损。", "包装完好，快递3天到。"),
    ("用九折券买了两支YSL口红。", "两支YSL口红，用的是九折券。"),
    ("酒店没有泳池，但早餐很丰盛。", "早餐丰盛，可惜酒店无泳池。"),
    ("番茄炒蛋：番茄2个，鸡蛋3个，糖一勺。", "鸡蛋3个、番茄两个，加一勺糖。"),
    ("我不是不想去，是没时间。", "我想去，只是没时间。"),
    ("去东京玩了5天，住在新宿，人均花了8000块。", "东京五日游，人均8000元，住新宿。"),
    ("早上7:30从上海虹桥站出发，下午1点到西安。", "上海虹桥站7点半早上出发，13:00抵达西安。"),
    ("三个月瘦了20斤，没有节食。", "没节食，3个月减了10公斤。"),
    ("从西湖骑车到灵隐寺大概6公里。", "骑车从西湖去灵隐寺，约6千米。"),
    ("孩子发烧38.5度，不要马上吃退烧药。", "孩子烧到38.5℃时，别马上吃退烧药。"),
    ("房租每月3500元，押一付三。", "月租三千五，押一付三。"),
    ("超过一半的人选择坐地铁。", "50%以上的人坐地铁。"),
    ("这条裙子S码适合160cm，M码适合165cm。", "160cm穿S码，165cm穿M码。"),
    ("他不喜欢吃香菜。", "他讨厌吃香菜。"),
    ("门票免费，但要提前3天预约。", "提前三天预约，门票不要钱。"),
    ("不得不说，厦门的沙茶面太好吃了！", "厦门的沙茶面真的好吃！"),
    ("打了三次电话都没人接。", "电话打了3次，无人接听。"),
    ("人均80元，周一到周五营业，周末不开门。", "工作日营业，周末休息，人均八十块。"),
    ("这家店不贵，三个人吃了两百块。", "这家店很便宜，3个人才吃200元。"),
    ("体重五斤的猫", "猫重2.5公斤"),
    ("我在星巴克喝了一杯不加糖的拿铁", "在星巴克喝了杯无糖拿铁"),
    ("不推荐火锅，饺子不错。", "饺子不错，火锅不建议点。"),
    ("打车去机场花了120块，用了40分钟。", "去机场打车四十分钟，一百二十元。"),
    ("我在杭州住了三晚，每晚500元。", "杭州三晚住宿，一晚五百块。"),
    ("小米14的电池有4610毫安，充满要半小时。", "小米14配4610mAh电池，30分钟充满。"),
    ("跑了5公里，配速6分30秒。", "5千米跑下来，配速6分30秒。"),
    ("豆瓣评分8.9，一共24集。", "一共二十四集，豆瓣评分8.9。"),
    ("三分之二的人选了A款。", "选A款的人占2/3。"),
    ("口红色号是MAC的Chili，价格170元。", "MAC口红Chili色，170块。"),
    ("味道不差，价格也不高。", "味道好，价格低。"),
    ("「晨光」书店在中山路上，二楼有咖啡。", "中山路的「晨光」书店，2楼可以喝咖啡。"),
    ("地铁2号线到人民广场站，3号口出。", "坐地铁2号线，人民广场站3号口出站。"),
    ("这条路线全程12公里，爬升800米，不适合新手。", "全程12km、爬升800m，新手不适合走。"),
    ("下午茶两人份298元，需提前一天预约。", "双人下午茶298块，要提前1天预约。"),
    ("我妈六十二岁才学会用微信。", "62岁，我妈才会用微信。"),
    ("价格不便宜，但值得。", "有点贵，但值得。"),
    ("买的是256G的版本，没买保险。", "没有买保险，版本是256G。"),
    ("第三次来重庆，还是没去成武隆。", "来重庆3次了，武隆还是没去成。"),
    (
        (
            "上个月带爸妈去了西安，四天三晚人均2200元。兵马俑一定要请讲解，不然看不懂。回民街别去，又贵又不好吃，本地"
            "人推荐洒金桥。城墙骑车54元，两个小时骑完一圈。"
        ),
        (
            "带爸妈四天三晚玩西安，人均2200。看兵马俑要请讲解，否则看不懂；回民街不要去，贵且不好吃，当地人推荐洒金桥"
            "；城墙骑车54块，一圈2小时。"
        ),
    ),
    (
        ("油皮亲妈！这款防晒SPF50，30ml卖129元，不搓泥也不泛白，夏天用了两个月没闷痘。唯一缺点是不防水，游泳别用。"),
        ("油皮可以入这款SPF50防晒：30ml，129块，不泛白不搓泥，用了两个月都没有闷痘，只是不防水，游泳时不要用。"),
    ),
    (
        ("租房避坑：押金不要超过一个月，合同里写清水电单价，签约前查房产证。我上次没查，被骗了6000块。"),
        ("租房提醒：签约前要查房产证，我上回没有查，被骗六千元；押金不超过一个月，水电单价要写进合同。"),
    ),
    (
        ("减脂早餐：燕麦40克，牛奶250毫升，鸡蛋2个，蓝莓一小把，全程不到10分钟，热量约380大卡。"),
        ("十分钟内搞定的减脂早餐：40g燕麦、250ml牛奶、两个鸡蛋加一小把蓝莓，大约380大卡。"),
    ),
    (
        ("从浦东机场到市区，磁悬浮50元8分钟到龙阳路，凭当日机票打八折；地铁2号线7元，但要一个多小时。"),
        ("浦东机场进市区：地铁2号线7块钱，要1个多小时；磁悬浮8分钟到龙阳路，50元，有当日机票可享8折。"),
    ),
]
# (source, a rewrite that does not, what it loses, what it invents; several with a semicolon between)
UNFAITHFUL_ENGLISH = [
    (
        "Don't buy the wrong transport card for Osaka and Kyoto!",
        "Avoid these pitfalls on your Kansai trip",
        "Osaka; Kyoto",
        "Kansai",
    ),
    (
        "Don't buy the wrong transport card for Osaka and Kyoto!",
        "Buy the wrong transport card for Osaka and Kyoto!",
        "don't",
        "",
    ),
    ("We ran 10 km along the river on Sunday.", "On Sunday we ran 10 miles along the river.", "10 km", "10 miles"),
    ("The latte at Blue Bottle costs $6.", "The latte at Starbucks costs $6.", "Blue Bottle", "Starbucks"),
    ("The hotel is not expensive.", "The hotel is expensive.", "not expensive", ""),
    ("The museum is closed on Mondays.", "The museum is open on Mondays.", "closed", ""),
    ("The museum is closed on Mondays.", "The museum is closed on Tuesdays.", "Mondays", "Tuesdays"),
    ("The iPhone 15 Pro lasted two days.", "The iPhone 16 Pro lasted two days.", "iPhone 15 Pro", "iPhone 16 Pro"),
    ("Great ramen near the station.", "Great ramen near the station, only 900 yen!", "", "900 yen"),
    ("Tom and Anna went to Lisbon.", "Tom went to Lisbon.", "Anna", ""),
    ("Tom went to Lisbon.", "Tom and Anna went to Lisbon.", "", "Anna"),
    ("The trail is easy.", "The trail isn't easy.", "", "isn't easy"),
    ("I recommend the dumplings.", "I don't recommend the dumplings.", "", "don't recommend"),
    ("Follow @teahouse.lab for 3 recipes.", "Three recipes at @tea.lab.", "@teahouse.lab", "@tea.lab"),
    ("2 adults and 3 children paid 50 euros.", "50 € for 2 children and 3 adults.", "2; 3", "2; 3"),
    ("It cost 1,980 yen.", "It cost about 3,000 yen.", "1,980 yen", "3,000 yen"),
    (
        "I lost 5 kg in two months without going to the gym.",
        "Two months in the gym, 5 kg gone.",
        "without going to the gym",
        "",
    ),
    ("My daughter, 17, loves her new Fujifilm X100V.", "My daughter, 17, loves her new camera.", "Fujifilm X100V", ""),
    ("The hike is 8 miles long.", "The hike is 8 km long.", "8 miles", "8 km"),
    ("Sarah's bakery on Rue Cler sells out by noon.", "By noon, the bakery on Rue Cler has sold out.", "Sarah", ""),
    ("The cafe has oat milk.", "The cafe has no oat milk.", "", "no oat"),
    ("The cafe doesn't allow laptops.", "The cafe allows laptops.", "doesn't allow laptops", ""),
    ("Nice little bookshop in Porto.", "Nice little bookshop in Porto, run by Ana since 1987.", "", "Ana; 1987"),
    ("BEST RAMEN IN KOBE!!!", "BEST RAMEN IN OSAKA!!!", "KOBE", "OSAKA"),
    ("The train leaves at 8:30 am.", "The train departs at 8:30 pm.", "8:30 am", "8:30 pm"),
    (
        "Uniqlo's linen shirt is $39.90, not $49.90.",
        "The linen shirt at Uniqlo costs $49.90, not $39.90.",
        "not",
        "not",
    ),
    ("You don't need a visa for Japan.", "You need a visa for Japan.", "visa", ""),
    ("Bake for 1 1/2 hours at 350 °F.", "Bake for 90 minutes at 150 °C.", "350 °F", "150 °C"),
    ("Luigi has the best carbonara in Rome.", "The best carbonara in Rome is here.", "Luigi", ""),
    ("Kids under 6 enter free; adults pay €12.", "Adults pay 12 euros, children below ten get in free.", "6", "ten"),
    ("The temperature dropped to -5°C in Harbin.", "Harbin got down to 5 degrees Celsius.", "5°C", "5 degrees"),
    ("Breakfast is not included.", "Breakfast is included.", "not included", ""),
    ("Neither the gym nor the pool was open.", "The gym and the pool were both open.", "neither", ""),
    ("10 Things To Know Before You Visit Bali", "12 Things To Know Before You Visit Bali", "10", "12"),
    ("The soup was cheap.", "The soup was expensive.", "", "expensive for cheap"),
]
UNFAITHFUL_CHINESE = [
    ("大阪京都交通卡千万别买错！", "关西旅行避坑指南", "大阪; 京都", "关西"),
    ("人均80元，周末不开门。", "人均80元，周末也开门。", "不开门", ""),
    ("从京都站走路十五分钟就到清水寺，门票400日元。", "清水寺门票500日元，离京都站步行15分钟。", "400日元", "500日元"),
    ("《小王子》这本书我看了三遍。", "《夜航》这本书我看了三遍。", "小王子", "夜航"),
    ("我在星巴克喝了一杯不加糖的拿铁", "我在星巴克喝了一杯加糖的拿铁", "不加糖", ""),
    ("我在星巴克喝了拿铁", "我在瑞幸喝了拿铁", "星巴克", "瑞幸"),
    ("大阪环球影城门票8600日元。", "大阪环球影城门票约9500日元。", "8600日元", "9500日元"),
    ("这款面霜孕妇不能用。", "这款面霜孕妇可以用。", "孕妇不能用", ""),
    ("学生票半价，周一闭馆。", "周一开放，学生票五折。", "闭馆", ""),
    ("我在杭州住了三晚，每晚500元。", "苏州三晚住宿，一晚五百块。", "杭州", "苏州"),
    ("不用提前预约，直接去就行。", "需要提前预约。", "不用提前", ""),
    ("小米14的电池有4610毫安。", "小米14的电池有5000毫安。", "4610毫安", "5000毫安"),
    ("这家咖啡馆没有插座，也不让带宠物。", "咖啡馆可以带宠物，但没有插座。", "不让带宠", ""),
    ("豆瓣评分8.9，一共24集。", "一共二十四集，豆瓣评分9.8。", "8.9", "9.8"),
    ("孩子17岁了，身高一米八。", "十八岁的孩子，身高180厘米。", "17岁", "十八岁"),
    ("口红色号是MAC的Chili，价格170元。", "MAC口红，170块。", "Chili", ""),
    ("「晨光」书店在中山路上，二楼有咖啡。", "解放路的「晨光」书店，2楼可以喝咖啡。", "中山路", ""),
    ("从灵隐寺出来吃了碗面。", "从寺里出来吃了碗面。", "灵隐寺", ""),
    ("推荐这家日料店。", "推荐这家上海的日料店，人均300。", "", "上海; 300"),
    ("姐妹们！这家店真的别去，服务差，菜也不新鲜。", "这家店值得去，菜很新鲜。", "不新鲜", ""),
    ("三个月瘦了20斤，没有节食。", "没节食，3个月减了20公斤。", "20斤", "20公斤"),
    ("他不喜欢吃香菜。", "他喜欢吃香菜。", "不喜欢", ""),
    ("这里能带狗。", "这里不能带狗。", "", "不能带狗"),
    ("晚上十点以后不要点外卖。", "晚上八点以后不要点外卖。", "晚上十点", "晚上八点"),
    ("武汉到长沙高铁一个半小时。", "从武汉坐高铁去长沙要两个小时。", "一个半小时", "两个小时"),
    ("酒店没有泳池，但早餐很丰盛。", "早餐丰盛，酒店还有泳池。", "没有泳池", ""),
    ("坐标北京朝阳区，房租5500。", "北京海淀区，房租5500。", "朝阳区", ""),
    ("请勿触摸展品，禁止拍照。", "展品不要摸，可以拍照。", "禁止拍照", ""),
    ("我买的是iPad Air 5，256GB。", "64G的iPad Air 5。", "256GB", "64G"),
    ("东西又便宜又好。", "东西好，但价格贵。", "", "贵 for 便宜"),
]
FAITHFUL = FAITHFUL_ENGLISH + FAITHFUL_CHINESE
UNFAITHFUL = UNFAITHFUL_ENGLISH + UNFAITHFUL_CHINESE


def told(verdict, what):
    """The facts that the note of a verdict names as lost or as invented."""
    [facts] = [part for part in verdict.note.split("; ") if part.startswith(f"{what}: ")] or [""]
    return facts.removeprefix(f"{what}: ").lower()


@pytest.mark.parametrize(("source", "rewrite"), FAITHFUL)
def test_a_faithful_rewrite_scores_one(source, rewrite):
    verdict = faithful(note(source), rewrite)
    assert (verdict.score, verdict.reason, verdict.note) == (1, "right", "")
    assert verdict.parts["kept"] == verdict.parts["required"]
    assert faithful(note(source), rewrite, all=True).score == 1


@pytest.mark.parametrize(("source", "rewrite", "lost", "invented"), UNFAITHFUL)
def test_an_unfaithful_rewrite_scores_less_and_the_note_says_why(source, rewrite, lost, invented):
    verdict = faithful(note(source), rewrite)
    assert verdict.score < 1
    assert faithful(note(source), rewrite, all=True).score == 0
    for what, facts in (("lost", lost), ("invented", invented)):
        for fact in facts.split("; "):
            assert fact.lower() in told(verdict, what), verdict.note


def test_each_half_of_the_tables_holds_at_least_25_rewrites_of_each_language():
    for faithful_ones, unfaithful in (
        (FAITHFUL_ENGLISH, UNFAITHFUL_ENGLISH),
        (FAITHFUL_CHINESE, UNFAITHFUL_CHINESE),
    ):
        assert min(len(faithful_ones), len(unfaithful)) >= 25


@pytest.mark.parametrize("source", [case[0] for case in FAITHFUL + UNFAITHFUL])
def test_a_source_copied_whole_is_faithful_to_itself_in_any_case_and_twice(source):
    for copy in (source, source.upper(), source.lower(), f"{source}\n{source}"):
        assert faithful(note(source), copy).score == 1, copy


OSAKA = "Don't buy the wrong transport card for Osaka and Kyoto!"


def test_the_score_is_the_share_of_facts_kept_among_those_required_and_invented():
    verdict = faithful(note(OSAKA), "Don't buy the wrong transport card for Osaka in 3 days")
    # required: the negation, Osaka, Kyoto; invented: 3 days
    assert verdict.parts == {"kept": 2, "lost": 1, "invented": 1, "required": 3, "parsed": 1}
    assert verdict.score == pytest.approx(2 / 4)
    assert verdict.note == "lost: Kyoto; invented: 3 days"


def test_an_empty_answer_keeps_nothing():
    for empty in ("", "  \n", "!!!"):
        verdict = faithful(note(OSAKA), empty)
        assert (verdict.score, verdict.reason, verdict.parts["lost"]) == (0, "unparsable", 3)
    assert faithful(note("a plain text"), "").score == 0  # although nothing is required


GIVEN = {"facts": ["transport card|travel card|ICOCA", "Osaka", "Kyoto|京都"]}


@pytest.mark.parametrize(
    ("title", "score"),
    [
        ("Osaka & Kyoto: which transport card?", 1),
        ("The right travel cards for Osaka and 京都", 1),
        ("Get an ICOCA in Osaka and Kyoto", 1),
        ("Avoid these pitfalls in Osaka and Kyoto", 2 / 3),  # the card is gone
        ("Avoid these pitfalls on your Kansai trip", 0),
        ("Osaka & Kyoto: which transport card for 3 days?", 3 / 4),  # invented: 3 days
    ],
)
def test_a_title_must_keep_the_given_facts_alone_and_invent_nothing(title, score):
    text = OSAKA + " We paid 2,000 yen too much, said Mika, and lost 40 minutes at Namba."
    assert faithful(note(text, **GIVEN), title, require="given").score == pytest.approx(score)


def test_given_facts_add_to_those_that_are_read_from_the_source():
    rewrite = "Osaka and Kyoto: don't buy the wrong one"
    assert faithful(note(OSAKA), rewrite).score == 1
    verdict = faithful(note(OSAKA, facts=["transport card"]), rewrite)
    assert (verdict.parts["required"], verdict.note) == (4, "lost: transport card")


def test_a_given_fact_with_a_number_is_kept_in_another_unit_and_in_words():
    record = note("It is 5 km to the lake.", facts=["5 km to the lake"])
    assert faithful(record, "The lake is five kilometres away", require="given").score == 1
    assert faithful(record, "The lake is six kilometres away", require="given").score == 0
    assert faithful(record, "The sea is five kilometres away", require="given").score == 0


def test_names_that_nothing_betrays_are_given_by_the_record_or_the_task():
    text, other = "去了小满茶舍喝茶", "去喝茶了"
    assert faithful(note(text), other).score == 1  # blind to it
    assert faithful(note(text, names=["小满茶舍|Xiaoman"]), other).note == "lost: 小满茶舍"
    assert faithful(note(text), other, names="晴天面包, 小满茶舍|Xiaoman").note == "lost: 小满茶舍"
    assert faithful(note(text, names=["小满茶舍|Xiaoman"]), "在Xiaoman喝茶").score == 1
    assert faithful(note("去喝茶了", names=["小满茶舍"]), "去小满茶舍喝茶了").note == "invented: 小满茶舍"


@pytest.mark.parametrize(
    "fields",
    [
        {"text": 3},
        {"text": " "},
        {"facts": "Osaka"},
        {"facts": ["Osaka", 3]},
        {"facts": ["|"]},
        {"names": [""]},
    ],
)
def test_a_field_of_another_form_is_refused_with_the_record(fields):
    with pytest.raises(ValueError, match=r"note/eval/0: fields\.(text|facts|names) "):
        faithful(note(**{"text": OSAKA, **fields}), "x")
    with pytest.raises(ValueError, match=r"note/eval/0: fields.facts is empty"):
        faithful(note(OSAKA), "x", require="given")
    with pytest.raises(ValueError, match=r"note/eval/0: fields.post is not a text"):
        faithful(note(OSAKA), "x", source="post")


CHEATS = {
    "look-alike letters": ("Don't buy the wrong transport card for Оsaka and Kyоto!", 1),  # Cyrillic О and о
    "every place there is": ("Don't: Osaka, Kyoto, Nara, Kobe, Tokyo, Nagoya, Sapporo", 3 / 8 + 0.01),
    "every number there is": (OSAKA + " " + " ".join(str(n) for n in range(2, 40)), 0.1),
    "the words without their meaning": ("Osaka, Kyoto, not", 1),  # blind: a factor, not a reward of its own
    "nothing said": ("A lovely trip", 0.01),
    "both ways": ("Buy, don't buy the wrong transport card for Osaka and Kyoto", 1),  # blind to that too
    "another source": ("Nara: 3 days, 200 dollars, never again", 0.4),
    "names hidden in a word": ("Don't buy xosakax or xkyotox", 1),  # long names are looked for in hashtags too
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_earns_no_more_than_is_documented(cheat):
    answer, most = CHEATS[cheat]
    assert faithful(note(OSAKA), answer).score <= most
    if cheat == "look-alike letters":
        assert told(faithful(note(OSAKA), answer), "lost") == "osaka, kyoto"


def test_facts_in_a_rationale_do_not_count():
    answer = f"<think>{OSAKA}</think>A lovely trip"
    assert faithful(note(OSAKA), answer).score == 1  # the reward itself reads what it is given,
    assert faithful(note(OSAKA), split_thinking(answer)[1]).score == 0  # and score() gives it the answer alone


@pytest.mark.parametrize(
    ("source", "rewrite", "score"),
    [
        ("Latte 30 yuan, mocha 35 yuan", "Mocha 30 yuan, latte 35 yuan", 1),  # places changed
        ("The red bag is heavy", "The blue bag is light", 1),  # other kinds of facts
        ("Meet Tom in Rome", "Tom Rome", 1),  # a list without sense
        ("A week in Osaka", "A week in Osaka, Japan", 1 / 2),  # true, and not in the source
        ("It costs $10", "It costs 72 yuan", 0),  # no exchange rates
        ("店里不提供吸管，需要自带。", "自带吸管，店里没有。", 0),  # a negation that leaves out its object
    ],
)
def test_the_blind_spots_are_those_of_the_documentation(source, rewrite, score):
    assert faithful(note(source), rewrite).score == score


def test_a_paragraph_takes_a_few_milliseconds_and_the_longest_answer_little_over_a_second():
    text = " ".join(source for source, *_ in FAITHFUL_ENGLISH[:6])
    faithful(note(text), text)
    start = time.process_time()
    for number in range(10):
        faithful(note(text), f"{text} {number}")
    assert (time.process_time() - start) / 10 < 0.5  # of this process; about 4 ms where nothing else runs
    for unit in (
        "one ",
        "不",
        "9",
        "1,",
        "一点",
        "Kyoto ",
        "aB",
        "«",
        "#a",
        "《",
        "@",
        "not ",
        "1/",
        "a.",
        " ",
        "Mon-",
    ):
        start = time.process_time()
        faithful(note(text), ("k " + unit * 20_000)[:20_000])
        assert time.process_time() - start < 60, unit  # about one; what runs away takes many minutes


def test_it_fits_the_interface_of_a_task():
    task = Task("note", "domain", "dialogue", "?", "x", "faithful", {"require": "given", "names": "a|b", "all": True})
    assert faithful(note(OSAKA, **GIVEN), "ICOCA: Osaka, Kyoto", **task.options).score == 1
